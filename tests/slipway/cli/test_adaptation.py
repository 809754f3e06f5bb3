"""Adaptations from the command line: what is asked for, and receipts as people and programs read them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.worker.loop import Workplace, run_next
from slipway.cli import receipt_view
from slipway.client import Client, connect
from slipway.errors import Reason, Refused
from tests.slipway.cli.command import Run
from tests.slipway.edge.bundles import CLASSES, SENSOR
from tests.slipway.server import REPORT, Server


@pytest.fixture(scope="module")
def worker(server: Server) -> Iterator[Workplace]:
    """A worker, a base "otter/1", and the datasets "home", "shed" and "cellar"."""
    place = server.worker()
    with connect(server.address) as client:
        client.jobs.pretrain("otter", world="rover")
        for name in ("home", "shed", "cellar"):
            client.datasets.create(name, SENSOR, CLASSES)
            client.datasets.upload_windows(name, np.zeros((4, *SENSOR.window_shape)))
    assert run_next(place)
    yield place
    place.catalogue.close()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with connect(server.address) as client:
        yield client


def test_everything_that_a_job_may_ask_for_can_be_said(run: Run, worker: Workplace) -> None:
    ways = ("--candidate", "norm_affine:entropy", "--candidate", "lora(4):cross_entropy+coral=0.5", "--seeds", 3)
    how = ("--option", "step_count=200", "--option", "learning_rate=0.003", "--coverage", 0.9, "--gains")
    spec = run("job", "adapt", "otter/1", "shed", *ways, *how, "--source-free", "--json").json["spec"]
    assert [(plan["scope"], plan["objectives"]) for plan in spec["candidates"]] == [
        ("norm_affine", [{"objective": "entropy", "weight": 1.0}]),
        ("lora(4)", [{"objective": "cross_entropy", "weight": 1.0}, {"objective": "coral", "weight": 0.5}]),
    ]
    assert (spec["seed_count"], spec["conformal_coverage"], spec["source_free"]) == (3, 0.9, True)
    assert spec["options"] == {"step_count": 200, "learning_rate": 0.003} and spec["measure_gains"]
    bounded = run("job", "adapt", "otter/1", "shed", "--budget", 2048, "--objective", "coral", "--json").json["spec"]
    assert (bounded["byte_budget"], bounded["scope"]) == (2048, "")
    assert run_next(worker) and run_next(worker)


@pytest.mark.parametrize("words", [("--option", "haste=1"), ("--option", "step_count=many"), ("--seeds", 11)])
def test_an_option_that_is_none_is_refused(run: Run, worker: Workplace, words: tuple[object, ...]) -> None:
    assert run("job", "adapt", "otter/1", "shed", *words).code != 0


def test_a_version_is_shown_with_its_receipt(run: Run, worker: Workplace, client: Client, tmp_path: Path) -> None:
    job = run("job", "adapt", "otter/1", "shed", "--json").json["name"]
    assert run_next(worker)
    assert "No method was named." in run("job", "show", job).out
    result = client.jobs.get(job).result
    assert result is not None and result.decision is not None and result.decision.confidence == 0.95
    shown = run("model", "show", result.version)
    for words in ("better evidence", "rotated by 90°", "constant", "norms", "12.5%", "jumpstart +30.0", "72 B"):
        assert words in shown.out
    receipt = run("model", "show", result.version, "--json").json["receipt"]
    assert receipt == run("model", "receipt", result.version, "--json").json == client.models.receipt(result.version)
    assert receipt["shipped"] == "norms"
    page = tmp_path / "report.html"
    assert run("model", "download", result.version, "report", "--output", page).code == 0
    assert page.read_bytes() == REPORT


def test_the_receipt_of_a_regression_tells_r2_and_no_share(capsys: pytest.CaptureFixture[str]) -> None:
    evidence = {"scores": {"squared_error": -0.4}, "labelled_accuracy": 0.612, "marginal": [], "changed": 0.0}
    rows = [
        {"name": name, "scope": scope, "int8_bytes": 80, "seconds": 1.0, "evidence": evidence}
        for name, scope in (("base", ""), ("head × squared_error", "head"))
    ]
    receipt_view.describe(
        {
            "decision": {"chosen": "head × squared_error", "promoted": True, "reason": "better"},
            "target": {"name": "datasets/arm", "window_count": 300, "labelled_count": 40},
            "source": None, "explanation": "", "diagnosis": [], "remarks": [], "gains": None, "sets": None,
            "shipped": "head × squared_error", "int8_bytes": 80, "seconds": 2.0, "candidates": rows,
        }
    )  # fmt: skip
    told = capsys.readouterr().out
    assert "R²" in told and "0.612" in told and "61.2%" not in told
    assert "labels right" not in told and "changed" not in told


def test_a_base_has_no_receipt(run: Run, worker: Workplace, client: Client) -> None:
    assert run("model", "show", "otter/1", "--json").json["receipt"] is None
    with pytest.raises(Refused) as refused:
        client.models.receipt("otter/1")
    assert refused.value.reason is Reason.FIELD_INVALID


def test_a_job_that_keeps_the_base_has_the_receipt_itself(
    run: Run, worker: Workplace, client: Client, tmp_path: Path
) -> None:
    job = run("job", "adapt", "otter/1", "home", "--json").json["name"]
    assert run_next(worker)
    assert "base kept" in run("job", "show", job).out
    assert client.jobs.receipt(job)["shipped"] == "base"
    file = tmp_path / "receipt.json"
    assert run("job", "download", job, "receipt", "--output", file).code == 0
    assert b'"shipped": "base"' in file.read_bytes()


def test_a_fleet_has_a_row_for_every_device(run: Run, worker: Workplace) -> None:
    asked = run("job", "adapt", "otter/1", "home", "shed", "cellar", "--json").json
    assert asked["spec"]["targets"] == ["datasets/home", "datasets/shed", "datasets/cellar"]
    assert run_next(worker)
    shown = run("job", "show", asked["name"]).out
    assert "refused" in shown and "cellar" in shown and "holds no windows" in shown
    assert "2 of 3 adapted" in run("job", "list").out
    rows = run("job", "show", asked["name"], "--json").json["result"]["devices"]
    assert [bool(row["version"]) for row in rows] == [True, True, False]
