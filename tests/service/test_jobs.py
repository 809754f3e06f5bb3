"""Jobs over real gRPC: asked for, watched, cancelled, refused."""

import uuid
from collections.abc import Callable
from threading import Thread
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from service.domain import JobSpec, Outcome
from service.worker.context import Context
from service.worker.loop import run_next
from slipway.v1 import jobs_pb2 as pb
from tests.service import pipelines
from tests.service.process import TIMEOUT, ServerProcess, create_dataset, refusal, upload, wait_for, windows
from tests.service.work import create_job, place_of, pretrain, run_job

World = pb.WorldSource


def cancel(server: ServerProcess, name: str) -> Any:
    return server.jobs.CancelJob(pb.CancelJobRequest(name=name), timeout=TIMEOUT)


def watch(server: ServerProcess, name: str) -> Any:
    return server.jobs.WatchJob(pb.WatchJobRequest(name=name), timeout=TIMEOUT)


@pytest.fixture(autouse=True)
def empty_queue(server: ServerProcess) -> None:
    """Leave nothing to the next test's worker."""
    for job in server.jobs.ListJobs(pb.ListJobsRequest(page_size=1000), timeout=TIMEOUT).jobs:
        cancel(server, job.name)


@pytest.fixture(scope="module")
def filled(server: ServerProcess) -> str:
    """A dataset with labelled windows."""
    name = create_dataset(server, "filled")
    upload(server, name, windows(4), [0, 1, 0, -1])
    return name


def test_a_job_comes_back_as_it_was_asked_for(server: ServerProcess, filled: str) -> None:
    world = World(world="rover", window_count=500)
    world.prior.update({"cone_rad": {"low": 0.1, "high": 0.3}, "names": ["a", None, True]})
    base = run_job(server, **pretrain("echo")).result.version
    weights = [pb.WeightedObjective(objective="coral", weight=0.5), pb.WeightedObjective(objective="moments")]
    specs: dict[str, Any] = {
        "pretrain": pb.PretrainSpec(model_id="m", world=world, architecture="cnn", epoch_count=3, seed=9),
        "adapt": pb.AdaptSpec(
            base=base, target=filled, scope="top(2)", objectives=weights, gate_policy=pb.AdaptSpec.REPORT_ONLY
        ),
        "export": pb.ExportSpec(version=base, calibration=filled),
        "evaluate": pb.EvaluateSpec(version=base, dataset=filled, form=pb.EvaluateSpec.INT8_ONNX),
    }
    weights[1].weight = 1.0  # 0 means 1
    specs["adapt"].objectives[1].weight = 1.0
    for kind, spec in specs.items():
        job = create_job(server, **{kind: spec})
        assert getattr(job, kind) == spec
        assert (job.state, job.attempt_count) == (pb.Job.PENDING, 0)
        assert server.jobs.GetJob(pb.GetJobRequest(name=job.name), timeout=TIMEOUT) == job


def test_a_job_that_went_well(server: ServerProcess) -> None:
    job = run_job(server, **pretrain("well"))
    assert job.state == pb.Job.SUCCEEDED
    assert job.result.version == "models/well/versions/1"
    assert job.result.stage_seconds == {"training": 0.5}
    assert (job.attempt_count, job.progress.epoch) == (1, 2)
    assert job.create_time.ToMicroseconds() <= job.start_time.ToMicroseconds() <= job.end_time.ToMicroseconds()
    assert not job.HasField("error")


def test_what_the_gate_and_the_measurement_said(server: ServerProcess, filled: str) -> None:
    base = run_job(server, **pretrain("gated")).result.version
    adapted = run_job(server, adapt=pb.AdaptSpec(base=base, target=filled)).result
    assert (adapted.version, adapted.decision.promoted) == ("models/gated/versions/2", True)
    assert [(row.candidate, row.veto) for row in adapted.decision.evidence] == [
        ("base", "worst"),
        ("input_statistics", ""),
    ]
    measured = run_job(server, evaluate=pb.EvaluateSpec(version=base, dataset=filled)).result.evaluation
    assert (list(measured.confusion), list(measured.classes), measured.window_count) == (
        [2, 0, 0, 1],
        ["go", "stop"],
        3,
    )


def test_a_watcher_sees_the_job_from_now_to_its_end(server: ServerProcess) -> None:
    job = create_job(server, **pretrain("watched"))
    updates = watch(server, job.name)
    assert next(updates).state == pb.Job.PENDING
    thread = Thread(target=run_next, args=(place_of(server),))
    thread.start()
    states = [update.state for update in updates]
    thread.join(TIMEOUT)
    assert states[-1] == pb.Job.SUCCEEDED
    assert [update.state for update in watch(server, job.name)] == [pb.Job.SUCCEEDED]


def test_many_watchers_one_job(server: ServerProcess) -> None:
    job = create_job(server, **pretrain("many"))
    channel = server.jobs
    streams = [channel.WatchJob(pb.WatchJobRequest(name=job.name), timeout=TIMEOUT) for _ in range(50)]
    assert all(next(stream).state == pb.Job.PENDING for stream in streams)
    streams.pop().cancel()
    cancel(server, job.name)
    assert all([update.state for update in stream] == [pb.Job.CANCELLED] for stream in streams)


def test_a_running_job_is_cancelled(server: ServerProcess) -> None:
    job = create_job(server, **pretrain("cancelled"))
    thread = Thread(target=run_next, args=(place_of(server, pretrain=pipelines.wait_for_cancel),))
    thread.start()
    wait_for(lambda: server.jobs.GetJob(pb.GetJobRequest(name=job.name)).progress.stage == "waiting")
    assert cancel(server, job.name).state == pb.Job.RUNNING
    *_, last = watch(server, job.name)
    thread.join(TIMEOUT)
    assert last.state == pb.Job.CANCELLED
    assert cancel(server, job.name) == last, "a job that has ended stays as it is"


def test_a_job_that_fails_says_why(server: ServerProcess) -> None:
    def crash(spec: JobSpec, context: Context) -> Outcome:
        raise RuntimeError("secret text")

    job = create_job(server, **pretrain("failed"))
    run_next(place_of(server, pretrain=crash))
    *_, last = watch(server, job.name)
    assert last.state == pb.Job.FAILED
    info = error_details_pb2.ErrorInfo()
    assert last.error.details[0].Unpack(info)
    assert info.reason == "INTERNAL" and info.metadata["error_id"] in last.error.message
    assert "secret" not in str(last)


def test_a_repeated_request_id_makes_one_job(server: ServerProcess) -> None:
    request_id = str(uuid.uuid4())
    first = create_job(server, request_id, **pretrain("once"))
    assert create_job(server, request_id, **pretrain("once")).name == first.name
    code, info, _ = refusal(lambda: create_job(server, request_id, **pretrain("once", seed=1)))
    assert (code, info.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")


def test_jobs_are_listed_newest_first(server: ServerProcess) -> None:
    made = [create_job(server, **pretrain("listed")).name for _ in range(3)]
    first = server.jobs.ListJobs(pb.ListJobsRequest(page_size=2), timeout=TIMEOUT)
    second = server.jobs.ListJobs(pb.ListJobsRequest(page_size=1, page_token=first.next_page_token), timeout=TIMEOUT)
    assert [job.name for job in [*first.jobs, *second.jobs]] == made[::-1]


def test_a_list_of_long_jobs_fits_into_messages(server: ServerProcess) -> None:
    world = World(world="rover")
    world.prior.update({"text": "x" * 60_000})
    for _ in range(45):
        create_job(server, pretrain=pb.PretrainSpec(model_id="m", world=world))
    page = server.jobs.ListJobs(pb.ListJobsRequest(page_size=45), timeout=TIMEOUT)
    assert 10 < len(page.jobs) < 45 and page.next_page_token
    rest = server.jobs.ListJobs(pb.ListJobsRequest(page_size=45, page_token=page.next_page_token), timeout=TIMEOUT)
    names = [job.name for job in [*page.jobs, *rest.jobs]][:45]
    assert len(set(names)) == 45


def spec(kind: str, **fields: Any) -> Callable[[str], dict[str, Any]]:
    """A spec that is right but for ``fields``; the dataset is filled in later."""

    def build(dataset: str) -> dict[str, Any]:
        version = "models/base/versions/1"
        right: dict[str, Any] = {
            "pretrain": {"model_id": "m", "world": World(world="rover")},
            "adapt": {"base": version, "target": dataset},
            "export": {"version": version, "calibration": dataset},
            "evaluate": {"version": version, "dataset": dataset},
        }[kind]
        messages = {
            "pretrain": pb.PretrainSpec,
            "adapt": pb.AdaptSpec,
            "export": pb.ExportSpec,
            "evaluate": pb.EvaluateSpec,
        }
        return {kind: messages[kind](**{**right, **fields})}

    return build


def infinite() -> World:
    world = World(world="rover")
    world.prior.update({"x": float("inf")})
    return world


def huge() -> World:
    world = World(world="rover")
    world.prior.update({"x": "x" * 300_000})
    return world


OBJECTIVE = pb.WeightedObjective
MISSING = "models/base/versions/9"
BAD = "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("build", "code", "reason", "field"),
    [
        (lambda d: {}, BAD, "FIELD_REQUIRED", "job.spec"),
        (spec("pretrain", model_id=""), BAD, "SPEC_INVALID", "job.pretrain.model_id"),
        (spec("pretrain", model_id="No"), BAD, "SPEC_INVALID", "job.pretrain.model_id"),
        (spec("pretrain", world=None), BAD, "FIELD_REQUIRED", "job.pretrain.source"),
        (spec("pretrain", world=World()), BAD, "FIELD_REQUIRED", "job.pretrain.world.world"),
        (
            spec("pretrain", world=World(world="r", window_count=-1)),
            BAD,
            "FIELD_INVALID",
            "job.pretrain.world.window_count",
        ),
        (spec("pretrain", world=infinite()), BAD, "FIELD_INVALID", "job.pretrain.world.prior"),
        (spec("pretrain", world=huge()), BAD, "LIMIT_EXCEEDED", "job.pretrain.world.prior"),
        (spec("pretrain", epoch_count=-1), BAD, "FIELD_INVALID", "job.pretrain.epoch_count"),
        (spec("pretrain", seed=-1), BAD, "FIELD_INVALID", "job.pretrain.seed"),
        (spec("pretrain", seed=2**40), BAD, "FIELD_INVALID", "job.pretrain.seed"),
        (spec("pretrain", architecture="x" * 300), BAD, "LIMIT_EXCEEDED", "job.pretrain.architecture"),
        (
            spec("pretrain", world=None, dataset="datasets/nobody"),
            "NOT_FOUND",
            "DATASET_NOT_FOUND",
            "job.pretrain.dataset",
        ),
        (spec("pretrain", world=None, dataset="nobody"), BAD, "FIELD_INVALID", "job.pretrain.dataset"),
        (spec("adapt", base=""), BAD, "FIELD_REQUIRED", "job.adapt.base"),
        (spec("adapt", base=MISSING), "NOT_FOUND", "VERSION_NOT_FOUND", "job.adapt.base"),
        (spec("adapt", base="models/nobody/versions/1"), "NOT_FOUND", "MODEL_NOT_FOUND", "job.adapt.base"),
        (spec("adapt", target="datasets/hollow"), "FAILED_PRECONDITION", "DATASET_EMPTY", "job.adapt.target"),
        (spec("adapt", source="datasets/nobody"), "NOT_FOUND", "DATASET_NOT_FOUND", "job.adapt.source"),
        (spec("adapt", objectives=[OBJECTIVE()]), BAD, "FIELD_REQUIRED", "job.adapt.objectives.objective"),
        (spec("adapt", objectives=[OBJECTIVE(objective="a", weight=-1)]), BAD, "FIELD_INVALID", "job.adapt.objectives"),
        (spec("adapt", objectives=[OBJECTIVE(objective="a")] * 2), BAD, "FIELD_INVALID", "job.adapt.objectives"),
        (spec("adapt", objectives=[OBJECTIVE(objective="a")] * 17), BAD, "LIMIT_EXCEEDED", "job.adapt.objectives"),
        (spec("adapt", gate_policy=7), BAD, "FIELD_INVALID", "job.adapt.gate_policy"),
        (spec("export", version=MISSING), "NOT_FOUND", "VERSION_NOT_FOUND", "job.export.version"),
        (spec("export", calibration=""), BAD, "FIELD_REQUIRED", "job.export.calibration"),
        (spec("evaluate", dataset="datasets/hollow"), "FAILED_PRECONDITION", "DATASET_EMPTY", "job.evaluate.dataset"),
        (spec("evaluate", form=9), BAD, "FIELD_INVALID", "job.evaluate.form"),
    ],
)
def test_a_bad_job_is_refused_and_not_entered(
    server: ServerProcess, filled: str, known: None, build: Any, code: str, reason: str, field: str
) -> None:
    def newest() -> str:
        return str(server.jobs.ListJobs(pb.ListJobsRequest(page_size=1), timeout=TIMEOUT).jobs[0].name)

    before = newest()
    found, info, _ = refusal(lambda: create_job(server, **build(filled)))
    assert (found, info.reason, info.metadata["field"]) == (code, reason, field)
    assert info.metadata["remedy"]
    assert newest() == before


@pytest.fixture(scope="module")
def known(server: ServerProcess) -> None:
    """The version and the empty dataset that bad jobs name."""
    assert run_job(server, **pretrain("base")).result.version == "models/base/versions/1"
    create_dataset(server, "hollow")


@pytest.mark.parametrize("method", ["GetJob", "CancelJob", "WatchJob"])
def test_an_unknown_job(server: ServerProcess, method: str) -> None:
    requests = {"GetJob": pb.GetJobRequest, "CancelJob": pb.CancelJobRequest, "WatchJob": pb.WatchJobRequest}

    def ask(name: str) -> Any:
        answer = getattr(server.jobs, method)(requests[method](name=name), timeout=TIMEOUT)
        return list(answer) if method == "WatchJob" else answer

    assert refusal(lambda: ask("jobs/nobody"))[:1] == ("NOT_FOUND",)
    assert refusal(lambda: ask("nobody"))[1].reason == "FIELD_INVALID"
    assert refusal(lambda: ask(""))[1].reason == "FIELD_REQUIRED"


def test_nobody_waits_for_a_client_that_left(server: ServerProcess) -> None:
    job = create_job(server, **pretrain("left"))
    stream = watch(server, job.name)
    next(stream)
    stream.cancel()
    with pytest.raises(grpc.RpcError):
        next(stream)
    wait_for(lambda: "/slipway.v1.Jobs/WatchJob CancelledError" in server.log.read_text())
