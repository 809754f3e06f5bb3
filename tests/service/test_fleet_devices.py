"""Devices side by side: each is decided as it would be alone, what is done is kept, and the log says who goes alone."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.fleet import together
from adapters.options import Options
from nets import inference
from nets.pretraining import Recipe, pretrain
from service.domain import AdaptSpec, Decision, Lineage, NewVersion, Outcome
from service.worker.context import Cancelled, Context, StoredWindows
from service.worker.pipelines import side_by_side
from service.worker.pipelines.adapt import adapt
from service.worker.pipelines.finished import Finished
from service.worker.pipelines.fleet import each
from service.worker.pipelines.sample import Sample, encode
from slipway.errors import Reason, Refused
from tests.adapters.shifts import drifted, shifted
from tests.nets.tasks import task, waves

RECIPE = Recipe("cnn", {"widths": (8, 16), "sizes": (5, 3)}, epochs=12, batch_size=64, learning_rate=5e-3)
SPEC = AdaptSpec(base="models/waves/versions/1", options={"steps": 12, "batch_size": 32})


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Of the base's version."""
    source = waves(1200, 0)
    found = pretrain(task(), *source, recipe=RECIPE)
    return {"model": found.model.to_bytes(), "source": encode(Sample(*source, found.confidence))}


Make = Callable[..., Context]


@pytest.fixture
def context(tmp_path: Path, files: dict[str, bytes]) -> Make:
    """A context in which devices are what a test says they sent."""

    def make(devices: dict[str, tuple[np.ndarray, np.ndarray | None]], **changes: Any) -> Context:
        def dataset(name: str) -> StoredWindows:
            values, labels = devices[name]
            labels = np.full(len(values), -1, np.int32) if labels is None else labels
            return StoredWindows(name, task().sensor, task().classes, values, labels, "0" * 64, None)

        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        made = Context(folder, lambda progress: None, lambda: False, dataset, lambda version, name: files[name])
        return replace(made, **changes)

    return make


def pool(seed: int, count: int, move: Any = drifted) -> np.ndarray:
    return np.asarray(move(count, seed)[0], np.float32)


POOLS = {
    "datasets/a": (pool(1, 60), None),
    "datasets/b": (pool(2, 47), None),
    "datasets/c": (pool(3, 90, shifted), None),
    "datasets/calm": (pool(4, 60, waves), None),
}


@pytest.mark.slow
def test_a_device_of_a_fleet_is_decided_as_it_would_be_alone(context: Make) -> None:
    spec = replace(SPEC, seed_count=2)
    rows = adapt(replace(spec, targets=tuple(POOLS)), context(POOLS)).devices
    assert any(row.version for row in rows) and not all(row.version for row in rows)
    for row in rows:
        alone = adapt(replace(spec, target=row.target), context(POOLS))
        assert alone.decision is not None and row.decision is not None
        assert (row.decision.chosen, row.decision.promoted) == (alone.decision.chosen, alone.decision.promoted)
        if alone.version is None:
            assert row.version is None
            continue
        assert row.version is not None
        assert row.version.lineage == replace(alone.version.lineage, decision=row.decision)
        assert set(row.version.files) == set(alone.version.files)
        found, expected = (json.loads(version.files["receipt"]) for version in (row.version, alone.version))
        assert [each["name"] for each in found["candidates"]] == [each["name"] for each in expected["candidates"]]


def test_devices_that_share_their_plans_share_a_program(context: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    widths: list[int] = []
    real = side_by_side.adapt_together

    def watched(base: Any, jobs: Any, padding: together.Padding, stop: Any) -> Any:
        widths.append(padding.width)
        return real(base, jobs, padding, stop)

    monkeypatch.setattr(side_by_side, "adapt_together", watched)
    spec = replace(SPEC, scope="norm_affine", objectives={"information_maximisation": 1.0}, targets=tuple(POOLS))
    each(spec, context(POOLS))
    assert widths == [4]


def test_the_base_is_asked_about_the_source_once(context: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = inference._answered
    monkeypatch.setattr(inference, "_answered", lambda *given: asked.append(len(given[2])) or real(*given))
    spec = replace(SPEC, scope="input_statistics", objectives={"moments": 1.0}, targets=tuple(POOLS))
    adapt(spec, context(POOLS))
    assert asked.count(1200) == 1


def test_a_device_with_few_labels_goes_alone_and_the_log_says_why(
    context: Make, caplog: pytest.LogCaptureFixture
) -> None:
    values, labels = drifted(60, 5)
    devices = {**POOLS, "datasets/few": (values, np.where(np.arange(60) < 20, labels, -1).astype(np.int32))}
    spec = replace(SPEC, scope="head", objectives={"cross_entropy": 1.0}, targets=("datasets/few",))
    with caplog.at_level(logging.INFO):
        (row,) = each(spec, context(devices)).devices
    assert row.decision is not None
    assert "datasets/few goes alone: few windows are labelled" in caplog.text


def test_what_was_decided_before_is_not_decided_again(context: Make) -> None:
    spec = replace(SPEC, scope="input_statistics", objectives={"moments": 1.0}, targets=tuple(POOLS))
    read: list[str] = []
    devices = context(POOLS)

    def stop_after_two() -> bool:
        return len(list(devices.folder.glob("finished/rows/*.json"))) >= 2

    with pytest.raises(Cancelled):
        each(spec, replace(devices, should_stop=stop_after_two))

    def dataset(name: str) -> StoredWindows:
        read.append(name)
        return devices.dataset(name)

    found = each(spec, replace(devices, dataset=dataset))
    assert read == list(POOLS)[2:]
    assert [row.target for row in found.devices] == list(POOLS)


def test_a_calm_device_costs_no_gradient_and_its_receipt_says_so(context: Make) -> None:
    (calm,) = json.loads(
        adapt(replace(SPEC, targets=("datasets/calm",)), context(POOLS)).artifacts["receipts"]
    ).values()
    assert {each["objective"] for each in calm["candidates"]} == {"", "moments"}
    assert any("was left out: the base shows no symptom" in line for line in calm["remarks"])


@given(st.integers(1, 40))
def test_the_rest_is_parted_into_programs_that_are_mostly_full(count: int) -> None:
    parts = side_by_side._parts(list(range(count)))  # type: ignore[arg-type]
    assert [member for part in parts for member in part] == list(range(count))
    assert all(len(part) > side_by_side.FILLED * side_by_side._width(len(part)) for part in parts)


# What is done, on the disk.

VERSION = NewVersion(
    "m", task().to_json(), Lineage("head", parent="models/m/versions/1"), 7, {"model": b"a", "source": b"s"}
)
OUTCOME = Outcome(version=VERSION, decision=Decision("head", True, "better"), adapter_size_bytes=3)


def test_what_came_of_a_device_is_read_back(tmp_path: Path) -> None:
    finished = Finished(tmp_path)
    finished.keep("datasets/a", OUTCOME)
    row = Finished(tmp_path).read("datasets/a").device
    assert row.version is not None
    assert dict(row.version.files) == VERSION.files
    assert replace(row.version, files={}) == replace(
        VERSION, files={}, lineage=replace(VERSION.lineage, decision=row.decision)
    )
    assert (row.decision, row.adapter_size_bytes) == (OUTCOME.decision, 3)
    finished.refuse("datasets/b", Refused(Reason.DATASET_EMPTY, field="adapt.target", name="datasets/b"))
    refused = finished.read("datasets/b").device.failure
    assert refused is not None and (refused.reason, refused.details["name"]) == ("DATASET_EMPTY", "datasets/b")


def test_a_file_that_all_versions_carry_lies_there_once(tmp_path: Path) -> None:
    finished = Finished(tmp_path)
    for number in range(3):
        finished.keep(
            f"datasets/d{number}",
            replace(OUTCOME, version=replace(VERSION, files={"source": b"s", "model": b"%d" % number})),
        )
    assert len(list((tmp_path / "files").iterdir())) == 4


def test_a_torn_row_is_no_row_and_a_damaged_file_is_refused(tmp_path: Path) -> None:
    finished = Finished(tmp_path)
    (tmp_path / "rows" / "a.part").write_bytes(b'{"version"')
    assert "datasets/a" not in finished
    finished.keep("datasets/a", OUTCOME)
    assert "datasets/a" in finished
    for path in (tmp_path / "files").iterdir():
        path.write_bytes(b"rotten")
    version = finished.read("datasets/a").device.version
    assert version is not None
    with pytest.raises(Refused, match="reads as"):
        version.files["model"]


def test_options_reach_every_candidate(context: Make) -> None:
    spec = replace(
        SPEC, scope="norm_affine", objectives={"information_maximisation": 1.0}, targets=("datasets/a", "datasets/b")
    )
    spec = replace(spec, enforce_gate=False)
    for row in each(spec, context(POOLS)).devices:
        assert row.version is not None
        (used,) = (
            c["options"]
            for c in json.loads(row.version.files["receipt"])["candidates"]
            if c["objective"] == "information_maximisation"
        )
        assert Options(**used) == Options(steps=12, batch_size=32)
