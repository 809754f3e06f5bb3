"""What each kind of job does, run on real worlds and real networks of small size."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters import delta
from adapters.choice import STATISTICS
from nets.model import Model, changed_arrays
from service.catalogue.records import kind_of
from service.domain import AdaptSpec, EvaluateSpec, ExportSpec, JobSpec, Outcome, PretrainSpec, Progress
from service.worker.context import Cancelled, Context, StoredWindows
from service.worker.pipelines import PIPELINES
from service.worker.pipelines.evaluate import measure
from service.worker.pipelines.sample import decode
from sim.worlds.rover import TASK
from slipway.bundle.archive import read
from slipway.bundle.runtime import Runtime
from slipway.errors import Reason, Refused
from slipway.spec import Channel

SMALL = PretrainSpec("rover", world="rover", window_count=6000, architecture="mlp", epoch_count=3, seed=1)


@dataclass
class Shelf:
    """The data and files that jobs name, in memory."""

    folder: Path
    datasets: dict[str, StoredWindows] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    told: list[Progress] = field(default_factory=list)
    worlds: dict[str, Any] = field(default_factory=dict)

    def run(self, spec: JobSpec, name: str = "job", should_stop: Callable[[], bool] = lambda: False) -> Outcome:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        context = Context(folder, self.told.append, should_stop, self.datasets.__getitem__, self.artifact, self.worlds)
        return PIPELINES[kind_of(spec)](spec, context)

    def artifact(self, version: str, artifact_id: str) -> bytes:
        if (version, artifact_id) not in self.files:
            raise Refused(Reason.ARTIFACT_NOT_FOUND, field="name", name=f"{version}/artifacts/{artifact_id}")
        return self.files[version, artifact_id]

    def keep(self, outcome: Outcome) -> str:
        """Put a new version's files on the shelf under the next number."""
        assert outcome.version is not None
        version = f"models/{outcome.version.model_id}/versions/{len({name for name, _ in self.files}) + 1}"
        self.files |= {(version, artifact): data for artifact, data in outcome.version.files.items()}
        return version

    def put(
        self, name: str, values: np.ndarray, labels: np.ndarray | None, classes: tuple[str, ...] = TASK.classes
    ) -> str:
        marks = np.full(len(values), -1, np.int32) if labels is None else labels.astype(np.int32)
        full = f"datasets/{name}"
        self.datasets[full] = StoredWindows(full, TASK.sensor, classes, values, marks, "00" * 32, None)
        return full

    def model(self, version: str) -> Model:
        return Model.from_bytes(self.files[version, "model"])


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shelf, str]:
    shelf = Shelf(tmp_path_factory.mktemp("jobs"))
    return shelf, shelf.keep(shelf.run(SMALL, "pretrain"))


@pytest.fixture
def shelf(pretrained: tuple[Shelf, str], tmp_path: Path) -> Shelf:
    """A shelf with a base and a device whose ranges read a tenth too long."""
    shelf = replace(pretrained[0], folder=tmp_path, told=[], files=dict(pretrained[0].files), datasets={})
    known = decode(shelf.files[pretrained[1], "source"])
    values, labels = known.values, known.labels
    shelf.put("pool", values[:800] * np.float32(1.1), None)
    shelf.put("test", values[800:1600], labels[800:1600])
    return shelf


@pytest.fixture
def base(pretrained: tuple[Shelf, str]) -> str:
    return pretrained[1]


# Pretraining.


def test_a_base_remembers_where_it_comes_from(shelf: Shelf) -> None:
    version = shelf.run(SMALL).version
    assert version is not None
    (data,) = version.lineage.data
    assert (data.name, data.window_count, version.lineage.seed) == ("worlds/rover", 6000, 1)
    assert '"speed_m_s"' in version.lineage.prior_json
    assert [point.epoch for point in version.history] == [0, 1, 2, 3]
    assert {progress.stage for progress in shelf.told} == {"simulating", "training"}


def test_the_same_job_makes_the_same_base_and_another_seed_another(shelf: Shelf) -> None:
    first, again = (shelf.run(SMALL, name).version for name in ("one", "two"))
    other = shelf.run(replace(SMALL, seed=2), "three").version
    assert first is not None and again is not None and other is not None
    assert first.files == again.files
    assert first.files["model"] != other.files["model"]


def test_a_stopped_job_goes_on_to_the_same_base(shelf: Shelf) -> None:
    whole = shelf.run(SMALL, "whole").version
    with pytest.raises(Cancelled):
        shelf.run(SMALL, "broken", lambda: any(point.epoch == 1 for point in shelf.told[-2:]))
    resumed = shelf.run(SMALL, "broken").version
    assert whole is not None and resumed is not None
    assert resumed.files["model"] == whole.files["model"]


def test_labelled_windows_are_a_source_too(shelf: Shelf) -> None:
    version = shelf.run(PretrainSpec("mine", dataset="datasets/test", architecture="mlp", epoch_count=2)).version
    assert version is not None
    assert version.lineage.data[0].name == "datasets/test"
    assert Model.from_bytes(version.files["model"]).task.name == "mine"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"world": "moon"}, "pretrain.world.world"),
        ({"architecture": "transformer"}, "pretrain.architecture"),
        ({"epoch_count": -1}, "pretrain.epoch_count"),
        ({"window_count": 10**9}, "pretrain.world.window_count"),
        ({"prior": {"colour": {"kind": "Constant", "value": 1.0}}}, "prior"),
    ],
)
def test_what_cannot_be_pretrained_is_refused(shelf: Shelf, change: dict[str, object], field: str) -> None:
    with pytest.raises(Refused) as refused:
        shelf.run(replace(SMALL, **change))
    assert refused.value.field.startswith(field)


# Adaptation.


def test_only_the_scope_changes_and_the_adapter_rebuilds_it(shelf: Shelf, base: str) -> None:
    spec = AdaptSpec(base, "datasets/pool", "input_statistics", {"moments": 1.0}, enforce_gate=False)
    outcome = shelf.run(spec)
    version = shelf.keep(outcome)
    assert set(changed_arrays(shelf.model(base), shelf.model(version))) == {"0.mean", "0.deviation"}
    rebuilt = delta.apply(shelf.model(base), shelf.files[version, "adapter"])
    assert rebuilt.to_bytes() == shelf.files[version, "model"]
    assert outcome.adapter_size_bytes == len(shelf.files[version, "adapter"])


def test_the_gate_says_what_it_chose_from(shelf: Shelf, base: str) -> None:
    decision = shelf.run(AdaptSpec(base, "datasets/pool")).decision
    assert decision is not None and decision.reason
    names = [row.candidate for row in decision.evidence]
    assert names == ["base", *STATISTICS], "beside a source a gradient is not rehearsed, and so not followed"


def test_no_version_is_made_of_what_the_gate_keeps_back(shelf: Shelf, base: str) -> None:
    still = np.repeat(shelf.datasets["datasets/pool"].values[:1], 300, axis=0)  # a robot that stands: one answer only
    shelf.put("still", still, None)
    outcome = shelf.run(AdaptSpec(base, "datasets/still", "norm_affine", {"information_maximisation": 1.0}))
    assert outcome.decision is not None
    assert not outcome.decision.promoted
    assert outcome.version is None


def test_labels_choose_among_deeper_scopes(shelf: Shelf, base: str) -> None:
    values, labels = shelf.datasets["datasets/test"].values, shelf.datasets["datasets/test"].labels
    target = shelf.put("labelled", values, labels)
    decision = shelf.run(AdaptSpec(base, target)).decision
    assert decision is not None
    assert "full × cross_entropy" in [row.candidate for row in decision.evidence]
    assert all("labels" in row.scores for row in decision.evidence)


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"scope": "head"}, Reason.FIELD_REQUIRED, "adapt.objectives"),
        ({"objectives": {"moments": 1.0}}, Reason.FIELD_REQUIRED, "adapt.scope"),
        ({"scope": "wings", "objectives": {"moments": 1.0}}, Reason.FIELD_INVALID, "scope"),
        ({"scope": "head", "objectives": {"hope": 1.0}}, Reason.FIELD_INVALID, "objective"),
        ({"scope": "head", "objectives": {"cross_entropy": 1.0}}, Reason.LABELS_MISSING, "target_labels"),
        ({"target": "datasets/empty"}, Reason.DATASET_EMPTY, "adapt.target"),
        ({"target": "datasets/strange"}, Reason.FIELD_INVALID, "adapt.target"),
    ],
)
def test_what_cannot_be_adapted_is_refused(
    shelf: Shelf, base: str, change: dict[str, object], reason: Reason, field: str
) -> None:
    pool = shelf.datasets["datasets/pool"].values
    shelf.put("empty", pool[:0], None)
    shelf.put("strange", pool[:9], np.zeros(9), ("cat", "dog"))
    with pytest.raises(Refused) as refused:
        shelf.run(replace(AdaptSpec(base, "datasets/pool"), **change))
    assert (refused.value.reason, refused.value.field) == (reason, field)


def statistics_only(shelf: Shelf, values: np.ndarray) -> str:
    samples = values.reshape(-1, values.shape[-1]).astype(np.float64)
    statistics = (len(samples), samples.mean(0), np.square(samples - samples.mean(0)).sum(0))
    name = shelf.put("told", values[:0], None)
    shelf.datasets[name] = replace(shelf.datasets[name], statistics=statistics)
    return name


def test_statistics_alone_give_what_their_windows_would(shelf: Shelf, base: str) -> None:
    spec = AdaptSpec(base, "datasets/pool", "input_statistics", {"moments": 1.0}, enforce_gate=False)
    told = statistics_only(shelf, shelf.datasets["datasets/pool"].values)
    from_windows, from_statistics = (
        shelf.model(shelf.keep(shelf.run(replace(spec, target=t)))) for t in (spec.target, told)
    )
    for name in ("0.mean", "0.deviation"):
        np.testing.assert_allclose(from_statistics.arrays[name], from_windows.arrays[name], rtol=1e-5)


def test_statistics_alone_pass_no_gate_and_fit_no_other_scope(shelf: Shelf, base: str) -> None:
    told = statistics_only(shelf, shelf.datasets["datasets/pool"].values)
    outcome = shelf.run(AdaptSpec(base, told))
    assert outcome.version is None and outcome.decision is not None and "only statistics" in outcome.decision.reason
    with pytest.raises(Refused) as refused:
        shelf.run(AdaptSpec(base, told, "norm_statistics", {"moments": 1.0}))
    assert refused.value.field == "adapt.scope"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rate_hz": 10.0}, Reason.RATE_MISMATCH),
        ({"window_length": 2}, Reason.WINDOW_SHAPE_MISMATCH),
        ({"channels": tuple(Channel(c.name, "cm") for c in TASK.sensor.channels)}, Reason.FIELD_INVALID),
        ({"channels": TASK.sensor.channels[::-1]}, Reason.FIELD_INVALID),
    ],
)
def test_another_sensor_is_refused_by_every_job(
    shelf: Shelf, base: str, change: dict[str, Any], reason: Reason
) -> None:
    pool = shelf.datasets["datasets/pool"]
    shelf.datasets["datasets/other"] = replace(pool, sensor=replace(TASK.sensor, **change))
    for spec in (
        AdaptSpec(base, "datasets/other"),
        AdaptSpec(base, "datasets/pool", source="datasets/other"),
        ExportSpec(base, "datasets/other"),
        EvaluateSpec(base, "datasets/other"),
    ):
        with pytest.raises(Refused) as refused:
            shelf.run(spec)
        assert refused.value.reason is reason


# Export.


def test_a_bundle_passes_its_own_test_and_answers_as_the_model(shelf: Shelf, base: str) -> None:
    outcome = shelf.run(ExportSpec(base, "datasets/pool"))
    assert set(outcome.artifacts) == {"float_onnx", "int8_onnx", "bundle", "c"}
    runtime = Runtime(read(outcome.artifacts["bundle"]))
    assert runtime.self_test() == 0.0
    assert runtime.bundle.manifest.lineage["version"] == base


def test_an_export_is_the_same_each_time(shelf: Shelf, base: str) -> None:
    first, again = (shelf.run(ExportSpec(base, "datasets/pool"), name).artifacts for name in ("a", "b"))
    assert first == again


def test_one_window_cannot_both_calibrate_and_prove(shelf: Shelf, base: str) -> None:
    one = shelf.put("one", shelf.datasets["datasets/pool"].values[:1], None)
    with pytest.raises(Refused) as refused:
        shelf.run(ExportSpec(base, one))
    assert refused.value.reason is Reason.DATASET_EMPTY


# Evaluation.


def test_accuracy_f1_and_confusion_are_what_a_hand_counts() -> None:
    found = measure(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1], np.int32), ("a", "b", "never"))
    assert found.accuracy == 0.75
    assert found.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found.confusion == ((1, 0, 0), (1, 2, 0), (0, 0, 0))


def test_every_form_of_a_version_can_be_measured(shelf: Shelf, base: str) -> None:
    shelf.files |= {(base, name): data for name, data in shelf.run(ExportSpec(base, "datasets/pool")).artifacts.items()}
    forms = ("learned", "float_onnx", "int8_onnx")
    learned, as_float, int8 = (shelf.run(EvaluateSpec(base, "datasets/test", form)).evaluation for form in forms)
    assert learned is not None and as_float is not None and int8 is not None
    assert learned.window_count == 800 and learned.accuracy > 0.6
    assert abs(as_float.accuracy - learned.accuracy) <= 1 / 800
    assert abs(int8.accuracy - learned.accuracy) <= 0.02


def test_nothing_is_measured_without_labels(shelf: Shelf, base: str) -> None:
    with pytest.raises(Refused) as refused:
        shelf.run(EvaluateSpec(base, "datasets/pool"))
    assert refused.value.reason is Reason.LABELS_MISSING
