"""Identification over real gRPC: asked for, refused, its files fetched, its prior simulated from.

The worker here fits nothing; what the fit is made of is tested in ``sim`` and ``test_simulators``.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf import json_format

from service.catalogue import worlds
from service.catalogue.engine import Catalogue, database_url
from service.catalogue.worlds import World
from service.domain import Identification, IdentifySpec, JobSpec, Outcome
from service.worker.context import Context
from service.worker.loop import run_next
from slipway.spec import Channel, TaskSpec
from slipway.v1 import datasets_pb2, models_pb2, spec_pb2
from slipway.v1 import jobs_pb2 as pb
from tests.service.pipelines import SENSOR as ROBOT
from tests.service.process import SENSOR, TIMEOUT, ServerProcess, create_dataset, refusal, upload, windows
from tests.service.work import create_job, place_of, run_job

KINDS = {
    "Constant": ("value",),
    "Uniform": ("low", "high"),
    "Choice": ("values", "weights"),
    "Scaled": ("base", "factor"),
    "Between": ("base", "low", "high"),
}
BOUNDS = {"gain": (0.5, 2.0), "delay_s": (0.0, 0.1)}
UNITS = {"gain": "1", "delay_s": "s"}
TORQUE = (Channel("torque", "N.m"),)
ROVER = World("rover", TaskSpec("rover", ROBOT, ("go", "stop")), BOUNDS, UNITS, KINDS)
ARM = World("arm", TaskSpec("arm", ROBOT, outputs=TORQUE), BOUNDS, UNITS, KINDS, explains=True)

NARROW = {"gain": {"kind": "Uniform", "low": 1.1, "high": 1.2}, "delay_s": {"kind": "Constant", "value": 0.02}}
GAIN = {"name": "gain", "unit": "1", "prior_low": 0.6, "prior_median": 1.0, "prior_high": 1.9}
FOUND = Identification(
    method="unpaired",
    prior=NARROW,
    marginals=({**GAIN, "low": 1.1, "median": 1.15, "high": 1.2, "shrinkage": 0.077, "determined": True},),
    reach={
        "p_value": 0.01,
        "channels": {"left": 0.4, "right": 0.001},
        "threshold": 0.05,
        "inside": False,
        "broken": ["right"],
        "words": {"right": "is never so loud"},
        "of a newer worker": 1,
    },
    determination={"torque": 0.9},
    simulations=1000,
    seconds=2.5,
)
PAGE = b"<html>" + b"a page " * 100_000


def fitted(spec: JobSpec, context: Context) -> Outcome:
    assert isinstance(spec, IdentifySpec)
    return Outcome(identification=FOUND, artifacts={"report": PAGE, "fit": b"{}"}, stage_seconds={"fitting": 2.0})


@pytest.fixture(scope="module")
def told(server: ServerProcess) -> None:
    """A worker has said what it can simulate."""
    catalogue = Catalogue(database_url("", server.folder))
    catalogue.write(worlds.replace, [ROVER, ARM])
    catalogue.close()


@pytest.fixture(scope="module")
def recorded(server: ServerProcess, told: None) -> str:
    name = create_dataset(server, "recorded")
    upload(server, name, windows(8))
    return name


@pytest.fixture(scope="module")
def identified(server: ServerProcess, recorded: str) -> Any:
    return run(server, identify=pb.IdentifySpec(world="rover", dataset=recorded))


def run(server: ServerProcess, **spec: Any) -> Any:
    job = create_job(server, **spec)
    place = place_of(server, identify=fitted)
    assert run_next(place)
    place.catalogue.close()
    return server.jobs.GetJob(pb.GetJobRequest(name=job.name), timeout=TIMEOUT)


def fetched(server: ServerProcess, name: str, **part: int) -> Iterator[models_pb2.DownloadArtifactResponse]:
    return iter(server.models.DownloadArtifact(models_pb2.DownloadArtifactRequest(name=name, **part), timeout=TIMEOUT))


def test_an_identification_comes_back_as_it_was_asked_for(server: ServerProcess, recorded: str) -> None:
    spec = pb.IdentifySpec(world="rover", dataset=recorded, names=["gain"], method=pb.IdentifySpec.UNPAIRED)
    spec.prior.update({"gain": {"kind": "Uniform", "low": 0.5, "high": 1.5}, "groups": []})
    spec.simulation_count, spec.seed = 700, 9
    job = create_job(server, identify=spec)
    assert job.identify == spec
    server.jobs.CancelJob(pb.CancelJobRequest(name=job.name), timeout=TIMEOUT)


def test_what_the_recording_said_is_in_the_result(identified: Any) -> None:
    assert identified.state == pb.Job.SUCCEEDED
    found = identified.result.identification
    assert json_format.MessageToDict(found.prior) == NARROW
    assert (found.method, found.simulation_count, found.seconds) == ("unpaired", 1000, 2.5)
    assert [(row.name, row.high, row.determined) for row in found.marginals] == [("gain", 1.2, True)]
    assert (found.reach.inside, list(found.reach.broken), found.reach.channels["right"]) == (False, ["right"], 0.001)
    assert dict(found.determination) == {"torque": 0.9}
    assert not identified.result.version


def test_its_files_are_fetched_from_any_byte(server: ServerProcess, identified: Any) -> None:
    files = {file.name.rpartition("/")[2]: file for file in identified.result.artifacts}
    assert {name: file.size_bytes for name, file in files.items()} == {"report": len(PAGE), "fit": 2}
    assert files["report"].name == f"{identified.name}/artifacts/report"
    pieces = list(fetched(server, files["report"].name, read_offset=100_000, read_limit=300_000))
    assert b"".join(piece.data for piece in pieces) == PAGE[100_000:400_000]
    assert len(pieces) > 1 and pieces[0].offset == 100_000
    (listed,) = [job for job in server.jobs.ListJobs(pb.ListJobsRequest(), timeout=TIMEOUT).jobs if job == identified]
    assert listed.result.artifacts == identified.result.artifacts


def test_a_dataset_that_goes_leaves_the_files_of_jobs(server: ServerProcess, identified: Any) -> None:
    """Files are stored by their content: what a job made may also be what somebody uploaded."""
    name = create_dataset(server, "passing")
    stored = upload(server, name, windows(3, seed=4))
    catalogue = Catalogue(database_url("", server.folder))
    with catalogue.engine.begin() as connection:
        from service.catalogue import jobs

        job_id = identified.name.removeprefix("jobs/")
        jobs.add_artifacts(connection, job_id, {"copy": (stored.sha256, 1)})
    catalogue.close()
    server.datasets.DeleteDataset(datasets_pb2.DeleteDatasetRequest(name=name), timeout=TIMEOUT)
    assert list(fetched(server, f"{identified.name}/artifacts/copy"))


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("{job}/artifacts/bundle", "NOT_FOUND", "ARTIFACT_NOT_FOUND"),
        ("jobs/nobody/artifacts/report", "NOT_FOUND", "JOB_NOT_FOUND"),
        ("jobs/report", "INVALID_ARGUMENT", "FIELD_INVALID"),
    ],
)
def test_a_file_that_no_job_has(server: ServerProcess, identified: Any, name: str, code: str, reason: str) -> None:
    found, info, _ = refusal(lambda: list(fetched(server, name.format(job=identified.name))))
    assert (found, info.reason) == (code, reason)


# From an identification to a base.


def source(identification: str, world: str = "rover", **prior: Any) -> dict[str, pb.PretrainSpec]:
    made = pb.WorldSource(world=world, identification=identification)
    if prior:
        made.prior.update(prior)
    return {"pretrain": pb.PretrainSpec(model_id="m", world=made)}


def test_the_fitted_prior_is_copied_into_the_job_that_simulates_from_it(server: ServerProcess, identified: Any) -> None:
    own = {"kind": "Constant", "value": 0.05}
    job = create_job(server, **source(identified.name, delay_s=own))
    assert job.pretrain.world.identification == identified.name
    assert json_format.MessageToDict(job.pretrain.world.prior) == {**NARROW, "delay_s": own}
    assert run_next(place_of(server))
    version = server.jobs.GetJob(pb.GetJobRequest(name=job.name), timeout=TIMEOUT).result.version
    lineage = server.models.GetVersion(models_pb2.GetVersionRequest(name=version), timeout=TIMEOUT).lineage
    assert "1.1" in lineage.prior_json, "the worker was given it"


def test_an_identification_that_cannot_be_used(server: ServerProcess, recorded: str, identified: Any) -> None:
    waiting = create_job(server, identify=pb.IdentifySpec(world="rover", dataset=recorded))
    server.jobs.CancelJob(pb.CancelJobRequest(name=waiting.name), timeout=TIMEOUT)
    other = run_job(server, pretrain=pb.PretrainSpec(model_id="m", world=pb.WorldSource(world="rover")))
    for spec, code, reason, words in (
        (source(waiting.name), "FAILED_PRECONDITION", "IDENTIFICATION_UNUSABLE", "CANCELLED"),
        (
            source(identified.name, "arm"),
            "FAILED_PRECONDITION",
            "IDENTIFICATION_UNUSABLE",
            "identified the world rover",
        ),
        (source(other.name), "FAILED_PRECONDITION", "IDENTIFICATION_UNUSABLE", "of the kind pretrain"),
        (source("jobs/nobody"), "NOT_FOUND", "JOB_NOT_FOUND", "jobs/nobody"),
        (source("nobody"), "INVALID_ARGUMENT", "FIELD_INVALID", "jobs/{job}"),
    ):
        found, info, status = refusal(lambda spec=spec: create_job(server, **spec))
        assert (found, info.reason) == (code, reason)
        assert info.metadata["field"] == "job.pretrain.world.identification"
        assert words in status.message


def test_a_curriculum_comes_back_as_it_was_asked_for(server: ServerProcess) -> None:
    for curriculum in (pb.Curriculum(), pb.Curriculum(round_count=3, start_share=0.0, cope_above=-0.5)):
        spec = pb.PretrainSpec(model_id="m", world=pb.WorldSource(world="rover", curriculum=curriculum))
        job = create_job(server, pretrain=spec)
        assert job.pretrain == spec and job.pretrain.world.HasField("curriculum")
        server.jobs.CancelJob(pb.CancelJobRequest(name=job.name), timeout=TIMEOUT)
    plain = create_job(server, pretrain=pb.PretrainSpec(model_id="m", world=pb.WorldSource(world="rover")))
    assert not plain.pretrain.world.HasField("curriculum")
    server.jobs.CancelJob(pb.CancelJobRequest(name=plain.name), timeout=TIMEOUT)


# Bad input.


def identify(**fields: Any) -> Callable[[str], dict[str, Any]]:
    """An identification that is right but for ``fields``; ``prior`` is plain."""

    def build(dataset: str) -> dict[str, Any]:
        prior = fields.get("prior", {})
        right: dict[str, Any] = {"world": "rover", "dataset": dataset}
        spec = pb.IdentifySpec(**{**right, **{k: v for k, v in fields.items() if k != "prior"}})
        spec.prior.update(prior)
        return {"identify": spec}

    return build


def pretrain(**world: Any) -> Callable[[str], dict[str, Any]]:
    """The same of a pretraining from a world."""

    def build(dataset: str) -> dict[str, Any]:
        made = pb.WorldSource(**{"world": "rover", **{k: v for k, v in world.items() if k != "prior"}})
        made.prior.update(world.get("prior", {}))
        return {"pretrain": pb.PretrainSpec(model_id="m", world=made)}

    return build


def uniform(low: float, high: float) -> dict[str, Any]:
    return {"kind": "Uniform", "low": low, "high": high}


BAD = "INVALID_ARGUMENT"
WHERE = "job.identify"
ROUNDS = "job.pretrain.world.curriculum"


@pytest.mark.parametrize(
    ("build", "code", "reason", "field"),
    [
        (identify(world=""), BAD, "FIELD_REQUIRED", f"{WHERE}.world"),
        (identify(world="moon"), BAD, "FIELD_INVALID", f"{WHERE}.world"),
        (identify(dataset=""), BAD, "FIELD_REQUIRED", f"{WHERE}.dataset"),
        (identify(dataset="datasets/nobody"), "NOT_FOUND", "DATASET_NOT_FOUND", f"{WHERE}.dataset"),
        (identify(dataset="datasets/hollow"), "FAILED_PRECONDITION", "DATASET_EMPTY", f"{WHERE}.dataset"),
        (identify(dataset="datasets/slow"), BAD, "RATE_MISMATCH", f"{WHERE}.dataset"),
        (identify(dataset="datasets/short"), BAD, "WINDOW_SHAPE_MISMATCH", f"{WHERE}.dataset"),
        (identify(dataset="datasets/feet"), BAD, "FIELD_INVALID", f"{WHERE}.dataset"),
        (identify(dataset="datasets/swapped"), BAD, "FIELD_INVALID", f"{WHERE}.dataset"),
        (identify(names=["colour"]), BAD, "FIELD_INVALID", f"{WHERE}.names"),
        (identify(names=[""]), BAD, "FIELD_REQUIRED", f"{WHERE}.names"),
        (identify(names=["gain"] * 300), BAD, "LIMIT_EXCEEDED", f"{WHERE}.names"),
        (identify(method=7), BAD, "FIELD_INVALID", f"{WHERE}.method"),
        (identify(method=pb.IdentifySpec.PAIRED), BAD, "FIELD_INVALID", f"{WHERE}.method"),
        (identify(world="arm", method=pb.IdentifySpec.PAIRED), BAD, "FIELD_INVALID", f"{WHERE}.dataset"),
        (identify(simulation_count=-1), BAD, "FIELD_INVALID", f"{WHERE}.simulation_count"),
        (identify(seed=-1), BAD, "FIELD_INVALID", f"{WHERE}.seed"),
        (identify(prior={"colour": uniform(0, 1)}), BAD, "FIELD_INVALID", f"{WHERE}.prior.colour"),
        (identify(prior={"gain": 1.0}), BAD, "FIELD_INVALID", f"{WHERE}.prior.gain"),
        (identify(prior={"gain": {"kind": "Cauchy"}}), BAD, "FIELD_INVALID", f"{WHERE}.prior.gain"),
        (identify(prior={"gain": {"kind": "Uniform", "low": 1.0}}), BAD, "FIELD_INVALID", f"{WHERE}.prior.gain"),
        (identify(prior={"gain": uniform(0.1, 1.0)}), BAD, "FIELD_INVALID", f"{WHERE}.prior.gain.low"),
        (identify(prior={"gain": uniform(1.0, 9.0)}), BAD, "FIELD_INVALID", f"{WHERE}.prior.gain.high"),
        (
            identify(prior={"gain": {"kind": "Choice", "values": [1.0, 3.0], "weights": [1, 1]}}),
            BAD,
            "FIELD_INVALID",
            f"{WHERE}.prior.gain.values",
        ),
        (
            identify(prior={"gain": {"kind": "Constant", "value": "one"}}),
            BAD,
            "FIELD_INVALID",
            f"{WHERE}.prior.gain.value",
        ),
        (identify(prior={"x": "x" * 300_000}), BAD, "LIMIT_EXCEEDED", f"{WHERE}.prior"),
        (pretrain(world="moon"), BAD, "FIELD_INVALID", "job.pretrain.world.world"),
        (pretrain(prior={"colour": uniform(0, 1)}), BAD, "FIELD_INVALID", "job.pretrain.world.prior.colour"),
        (pretrain(prior={"gain": uniform(1.0, 9.0)}), BAD, "FIELD_INVALID", "job.pretrain.world.prior.gain.high"),
        (pretrain(curriculum=pb.Curriculum(round_count=0)), BAD, "FIELD_INVALID", f"{ROUNDS}.round_count"),
        (pretrain(curriculum=pb.Curriculum(start_share=1.1)), BAD, "FIELD_INVALID", f"{ROUNDS}.start_share"),
        (pretrain(curriculum=pb.Curriculum(step=0.0)), BAD, "FIELD_INVALID", f"{ROUNDS}.step"),
        (pretrain(curriculum=pb.Curriculum(cope_above=float("nan"))), BAD, "FIELD_INVALID", f"{ROUNDS}.cope_above"),
    ],
)
def test_a_bad_job_is_refused_when_it_is_created(
    server: ServerProcess, recorded: str, strange: None, build: Any, code: str, reason: str, field: str
) -> None:
    found, info, _ = refusal(lambda: create_job(server, **build(recorded)))
    assert (found, info.reason, info.metadata["field"]) == (code, reason, field)
    assert info.metadata["remedy"]


@pytest.mark.parametrize(
    "nested",
    [
        {"kind": "Scaled", "base": uniform(0.9, 1.1), "factor": 1.5},
        {"kind": "Between", "base": uniform(0.9, 1.1), "low": 0.1, "high": 0.4},  # shares, not values
    ],
)
def test_what_nests_is_left_to_the_worker(server: ServerProcess, recorded: str, nested: dict[str, Any]) -> None:
    job = create_job(server, **identify(prior={"gain": nested, "groups": []})(recorded))
    server.jobs.CancelJob(pb.CancelJobRequest(name=job.name), timeout=TIMEOUT)


@pytest.fixture(scope="module")
def strange(server: ServerProcess) -> None:
    """Recordings that the world's sensor did not make."""
    create_dataset(server, "hollow")
    left, right = SENSOR.channels
    feet = [spec_pb2.Channel(name=each.name, unit="[ft_i]") for each in SENSOR.channels]
    for name, fields in (
        ("slow", {"rate_hz": 5.0}),
        ("short", {"window_length": 2}),
        ("feet", {"channels": feet}),
        ("swapped", {"channels": [right, left]}),
    ):
        same = {"channels": SENSOR.channels, "rate_hz": 10.0, "window_length": 3}
        sensor = spec_pb2.SensorSpec(**{**same, **fields})
        dataset = datasets_pb2.Dataset(sensor=sensor)
        request = datasets_pb2.CreateDatasetRequest(dataset_id=name, dataset=dataset)
        server.datasets.CreateDataset(request, timeout=TIMEOUT)
        fill(server, f"datasets/{name}", sensor)


def fill(server: ServerProcess, name: str, sensor: Any) -> None:
    from tests.service.process import batch, header

    values = windows(4)[:, : sensor.window_length]
    server.datasets.UploadWindows(iter([header(name, 4, sensor=sensor), batch(0, values)]), timeout=TIMEOUT)


def test_before_a_worker_has_started_nothing_can_be_compared(start_server: Callable[..., ServerProcess]) -> None:
    fresh = start_server()
    name = create_dataset(fresh, "recorded")
    upload(fresh, name, windows(4))
    assert create_job(fresh, identify=pb.IdentifySpec(world="moon", dataset=name)).state == pb.Job.PENDING
