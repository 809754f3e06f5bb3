"""Adaptations over real gRPC, with the real engine and gate on small nets: receipts, budgets, fleets and bad pools."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from adapters.receipt.receipt import Receipt
from nets.inference import logits
from nets.model import Model
from service.worker.loop import Workplace, run_next
from service.worker.pipelines import PIPELINES
from slipway.v1 import jobs_pb2 as pb
from slipway.v1 import models_pb2
from tests.service.process import TIMEOUT, ServerProcess, create_dataset, refusal, upload
from tests.service.work import create_job, place_of

CLASSES = ("still", "left", "right")
CENTRES = np.array([[0.0, 0.0], [2.0, -1.0], [-1.0, 2.0]])
ENFORCED, FORCED = pb.AdaptSpec.ENFORCE, pb.AdaptSpec.REPORT_ONLY
BUDGET_BYTES = 500  # the head of this net needs 408, its batch normalisations more
MOMENTS = {"scope": "input_statistics", "objectives": [pb.WeightedObjective(objective="moments")]}

HEAD = {"scope": "head", "objectives": [pb.WeightedObjective(objective="cross_entropy")]}


def recording(count: int, seed: int, gain: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Windows of three classes, as a device of that gain reads them."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    values = CENTRES[labels][:, None] + random.normal(size=(count, 3, 2)) * 0.7
    return (gain * values).astype(np.float32), labels


class Yard:
    """A server with a base, and a worker inside the test."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.place: Workplace = place_of(server, **PIPELINES)
        self.put("source", *recording(400, 0))
        made = self.run(pretrain=pb.PretrainSpec(model_id="yard", dataset="datasets/source", epoch_count=12))
        assert made.state == pb.Job.SUCCEEDED, made.error
        self.base = made.result.version

    def put(self, name: str, values: np.ndarray, labels: Any = (), classes: tuple[str, ...] = CLASSES) -> str:
        """Upload a dataset; return its name."""
        full = create_dataset(self.server, name, classes)
        if len(values):
            upload(self.server, full, values, list(labels))
        return full

    def run(self, **spec: Any) -> Any:
        """Run a job to its end."""
        name = create_job(self.server, **spec).name
        assert run_next(self.place)
        return self.server.jobs.GetJob(pb.GetJobRequest(name=name), timeout=TIMEOUT)

    def adapt(self, target: str = "", **fields: Any) -> Any:
        """Run an adapt job to its end."""
        return self.run(adapt=pb.AdaptSpec(base=self.base, target=target, **fields))

    def fetch(self, name: str) -> bytes:
        """A file of a version or of a job."""
        request = models_pb2.DownloadArtifactRequest(name=name)
        return b"".join(piece.data for piece in self.server.models.DownloadArtifact(request, timeout=TIMEOUT))

    def receipt(self, job: Any) -> Receipt:
        """Of the version that a job made, or of the job."""
        assert job.state == pb.Job.SUCCEEDED, job.error
        return Receipt.from_json(json.loads(self.fetch(f"{job.result.version or job.name}/artifacts/receipt")))

    def reason(self, job: Any) -> tuple[str, str]:
        """Why a job failed: the machine's word and the sentence."""
        from google.rpc import error_details_pb2

        assert job.state == pb.Job.FAILED
        info = error_details_pb2.ErrorInfo()
        assert job.error.details[0].Unpack(info)
        return info.reason, job.error.message


@pytest.fixture(scope="module")
def yard(server: ServerProcess) -> Iterator[Yard]:
    made = Yard(server)
    made.put("pool", recording(200, 1, gain=1.6)[0])
    yield made
    made.place.catalogue.close()


# The receipt.


def test_a_version_carries_its_receipt_and_its_report(yard: Yard) -> None:
    job = yard.adapt("datasets/pool", gate_policy=FORCED, **MOMENTS)
    receipt = yard.receipt(job)
    assert (receipt.base, receipt.shipped) == (yard.base, "input_statistics × moments")
    assert (receipt.target.name, receipt.target.window_count, receipt.target.labelled_count) == (
        "datasets/pool",
        200,
        0,
    )
    assert receipt.source is not None and receipt.source.window_count == 400
    lineage = yard.server.models.GetVersion(models_pb2.GetVersionRequest(name=job.result.version)).lineage
    assert receipt.target.sha256 == lineage.data[0].sha256
    assert receipt.decision["reason"] == job.result.decision.reason
    assert receipt.explanation == job.result.explanation == ""
    assert yard.fetch(f"{job.result.version}/artifacts/report").startswith(b"<!doctype html>")


def test_a_job_that_keeps_the_base_carries_them_itself(yard: Yard) -> None:
    home = yard.put("home", recording(200, 2)[0])
    job = yard.adapt(home)
    assert not job.result.version and not job.result.decision.promoted
    receipt = yard.receipt(job)
    assert (receipt.shipped, receipt.int8_bytes) == ("base", 0)
    assert {file.name.rpartition("/")[2] for file in job.result.artifacts} == {"receipt", "report"}


def test_the_service_says_why_it_tried_what_it_tried(yard: Yard) -> None:
    job = yard.adapt("datasets/pool")
    assert "no window is labelled" in job.result.explanation
    assert yard.receipt(job).explanation == job.result.explanation


def test_every_run_of_every_candidate_stands_before_the_gate(yard: Yard) -> None:
    entropy = [pb.WeightedObjective(objective="information_maximisation")]
    plans = [pb.AdaptPlan(scope="norm_affine", objectives=entropy), pb.AdaptPlan(scope="head", objectives=entropy)]
    options = pb.AdaptOptions(step_count=10, learning_rate=0.01)
    job = yard.adapt("datasets/pool", candidates=plans, seed_count=2, seed=5, options=options)
    receipt = yard.receipt(job)
    runs = {each.name: each for each in receipt.candidates if each.objective == "information_maximisation"}
    assert {name: each.seed for name, each in runs.items()} == {
        f"{scope} × information_maximisation{after}": seed
        for scope in ("norm_affine", "head")
        for after, seed in (("", 5), (", seed 6", 6))
    }
    assert {row.candidate for row in job.result.decision.evidence} >= set(runs)
    assert all((each.options["steps"], each.options["learning_rate"]) == (10, 0.01) for each in runs.values())


def test_sets_of_classes_are_calibrated_where_coverage_is_asked_for(yard: Yard) -> None:
    assert yard.receipt(yard.adapt("datasets/pool", gate_policy=FORCED, **MOMENTS)).sets is None
    job = yard.adapt("datasets/pool", conformal_coverage=0.9, gate_policy=FORCED, **MOMENTS)
    sets = yard.receipt(job).sets
    assert sets is not None and (sets.coverage, sets.calibrated_on) == (0.9, "source")
    known = yard.put("known", *recording(200, 1, gain=1.6))
    sets = yard.receipt(yard.adapt(known, conformal_coverage=0.9, gate_policy=FORCED, **MOMENTS)).sets
    assert sets is not None and sets.calibrated_on == "target"
    assert sets.realised_high is not None and sets.realised_high >= 0.9


# Budgets.


def test_a_budget_finds_the_richest_scope_that_fits(yard: Yard) -> None:
    options, entropy = pb.AdaptOptions(step_count=5), [pb.WeightedObjective(objective="information_maximisation")]
    job = yard.adapt("datasets/pool", byte_budget=BUDGET_BYTES, objectives=entropy, options=options, gate_policy=FORCED)
    receipt = yard.receipt(job)
    assert receipt.shipped == "head × information_maximisation"
    assert 0 < receipt.int8_bytes <= BUDGET_BYTES
    assert all(each.int8_bytes <= BUDGET_BYTES for each in receipt.candidates), "nothing that competes may be larger"


def test_a_budget_that_no_scope_meets_says_what_the_smallest_needs(yard: Yard) -> None:
    reason, words = yard.reason(yard.adapt("datasets/pool", byte_budget=1))
    assert reason == "FIELD_INVALID"
    assert "budget of 1 bytes" in words and "needs" in words


# Data that are missing, contradict or say little.


def test_a_source_free_job_looks_at_no_source(yard: Yard) -> None:
    assert yard.receipt(yard.adapt("datasets/pool", source_free=True)).source is None


def test_a_source_free_job_refuses_an_objective_that_compares_with_the_source(yard: Yard) -> None:
    coral = [pb.WeightedObjective(objective="coral")]
    reason, words = yard.reason(yard.adapt("datasets/pool", scope="full", objectives=coral, source_free=True))
    assert reason == "SOURCE_MISSING" and "coral" in words


def test_labels_of_other_classes_are_refused(yard: Yard) -> None:
    strange = yard.put("strange", *recording(20, 3), classes=("cat", "dog", "owl"))
    reason, words = yard.reason(yard.adapt(strange))
    assert reason == "FIELD_INVALID" and "cat" in words and "still" in words


def test_windows_that_are_not_finite_never_get_in(yard: Yard) -> None:
    values = recording(5, 4)[0]
    values[2, 1, 0] = np.nan
    name = create_dataset(yard.server, "broken", CLASSES)
    assert refusal(lambda: upload(yard.server, name, values))[1].reason == "SAMPLE_NOT_FINITE"


def spoilt(kind: str) -> tuple[np.ndarray, Any]:
    values = recording(200, 6, gain=1.6)[0]
    match kind:
        case "window":
            return values[:1], ()
        case "class":
            return values, np.zeros(len(values), int)
        case "constant":
            values[..., 1] = 0.25
        case "saturated":
            values = np.minimum(values, np.float32(1.0))
        case "still":
            values = np.repeat(values[:1], 200, axis=0)
    return values, ()


@pytest.mark.filterwarnings("error::RuntimeWarning")  # a pool of one window has no neighbours, and no score by them
@pytest.mark.parametrize(
    ("kind", "policy", "words"),
    [
        ("window", ENFORCED, "one window"),
        ("window", FORCED, "one window"),
        ("class", ENFORCED, "Every label is still"),
        ("constant", FORCED, "right is constant in the whole pool, at 0.25 m"),
        ("saturated", ENFORCED, "it saturates there"),
        ("still", FORCED, "may see one class only"),
    ],
)
def test_a_pool_that_says_little_is_survived_and_the_receipt_says_why(
    yard: Yard, kind: str, policy: int, words: str
) -> None:
    values, labels = spoilt(kind)
    pool = yard.put(f"{kind}-{policy}", values, labels)
    way = HEAD if kind == "class" else {}
    job = yard.adapt(pool, gate_policy=policy, options=pb.AdaptOptions(step_count=20), **way)
    receipt = yard.receipt(job)
    assert any(words in line for line in receipt.remarks), receipt.remarks
    assert receipt.decision["reason"]
    if job.result.version:
        model = Model.from_bytes(yard.fetch(f"{job.result.version}/artifacts/model"))
        assert all(np.isfinite(array).all() for array in model.arrays.values())
        assert np.isfinite(logits(model, values)).all()


# Fleets.


def test_one_device_that_is_refused_stops_no_other(yard: Yard) -> None:
    hollow = yard.put("hollow", np.zeros((0, 3, 2), np.float32))
    near, far = (yard.put(name, recording(200, 7, gain)[0]) for name, gain in (("near", 1.2), ("far", 1.8)))
    job = yard.adapt(targets=[near, hollow, far], gate_policy=FORCED, **MOMENTS)
    rows = list(job.result.devices)
    assert [row.target for row in rows] == [near, hollow, far]
    assert rows[1].error.message and not rows[1].version
    versions = [rows[0].version, rows[2].version]
    deviations = []
    for version, target in zip(versions, (near, far), strict=True):
        receipt = Receipt.from_json(json.loads(yard.fetch(f"{version}/artifacts/receipt")))
        assert receipt.target.name == target
        deviations.append(Model.from_bytes(yard.fetch(f"{version}/artifacts/model")).arrays["0.deviation"])
    np.testing.assert_allclose(deviations[1], deviations[0] * 1.5, rtol=1e-4)


def test_devices_that_keep_the_base_share_one_file_of_receipts(yard: Yard) -> None:
    pools = [yard.put(f"calm{number}", recording(200, 20 + number)[0]) for number in range(2)]
    job = yard.adapt(targets=pools)
    assert [(row.version, row.decision.promoted) for row in job.result.devices] == [("", False)] * 2
    kept = json.loads(yard.fetch(f"{job.name}/artifacts/receipts"))
    assert {name: Receipt.from_json(document).shipped for name, document in kept.items()} == dict.fromkeys(
        pools, "base"
    )
