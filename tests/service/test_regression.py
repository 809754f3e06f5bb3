"""Regressions over real gRPC: datasets with outputs, their targets on the way in, and their versions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from service.blobs import open_blobs
from service.catalogue.engine import Catalogue, database_url
from service.domain import EvaluateSpec, Evaluation, JobSpec, Lineage, NewVersion, Outcome, OutputEvaluation
from service.worker.context import Context, StoredWindows, load_windows
from service.worker.loop import run_next
from slipway.spec import Channel, TaskSpec
from slipway.v1 import datasets_pb2, models_pb2, spec_pb2
from slipway.v1 import jobs_pb2 as pb
from tests.service.pipelines import SENSOR as ROBOT
from tests.service.process import (
    SENSOR,
    TIMEOUT,
    ServerProcess,
    batch,
    create_dataset,
    get_dataset,
    header,
    refusal,
    upload,
    windows,
)
from tests.service.work import create_job, place_of, pretrain

OUTPUTS = (Channel("shoulder", "N.m"), Channel("elbow", "N.m"))
MESSAGES = [spec_pb2.Channel(name=output.name, unit=output.unit) for output in OUTPUTS]
TASK = TaskSpec("arm", ROBOT, outputs=OUTPUTS)


def create(server: ServerProcess, name: str, **fields: Any) -> str:
    dataset = datasets_pb2.Dataset(**{"sensor": SENSOR, "outputs": MESSAGES, **fields})
    request = datasets_pb2.CreateDatasetRequest(dataset_id=name, dataset=dataset)
    return str(server.datasets.CreateDataset(request, timeout=TIMEOUT).name)


def told(offset: int, values: np.ndarray, targets: np.ndarray) -> datasets_pb2.UploadWindowsRequest:
    message = batch(offset, values)
    message.batch.targets.extend(np.asarray(targets, np.float32).ravel().tolist())
    return message


def targets(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, len(OUTPUTS))).astype(np.float32)


def stored(server: ServerProcess, name: str) -> StoredWindows:
    """What a worker reads."""
    catalogue = Catalogue(database_url("", server.folder))
    found = load_windows(catalogue, open_blobs("", server.folder), name)
    catalogue.close()
    return found


def send(server: ServerProcess, *messages: Any) -> Any:
    return server.datasets.UploadWindows(iter(messages), timeout=TIMEOUT)


def test_targets_are_read_back_as_they_were_sent(server: ServerProcess) -> None:
    name, values, answers = create(server, "arm"), windows(9), targets(9)
    assert list(get_dataset(server, name).outputs) == MESSAGES
    send(
        server,
        header(name, 9),
        told(0, values[:4], answers[:4]),
        batch(4, values[4:6]),
        told(6, values[6:], answers[6:]),
    )
    found = stored(server, name)
    expected = answers.copy()
    expected[4:6] = np.nan
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(found.labels, expected)
    assert (found.outputs, found.classes) == (OUTPUTS, ())
    assert list(get_dataset(server, name).label_counts) == [7], "windows that carry targets"


def test_a_broken_upload_of_targets_goes_on_where_it_stood(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    name, values, answers, upload_id = (
        create(server, "arm"),
        windows(6),
        targets(6),
        "7" * 8 + "-0000-4000-8000-" + "0" * 12,
    )
    assert refusal(lambda: send(server, header(name, 6, upload_id), told(0, values[:2], answers[:2])))[1].reason == (
        "UPLOAD_INCOMPLETE"
    )
    server.restart()
    state = server.datasets.GetUpload(
        datasets_pb2.GetUploadRequest(name=f"{name}/uploads/{upload_id}"), timeout=TIMEOUT
    )
    assert state.committed_count == 2
    send(server, header(name, 6, upload_id), told(2, values[2:], answers[2:]))
    np.testing.assert_array_equal(stored(server, name).labels, answers)


def spoilt(value: float) -> np.ndarray:
    answers = targets(2)
    answers[1, 0] = value
    return answers


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (told(0, windows(2), spoilt(np.nan)), "window 1 needs a finite shoulder"),
        (told(0, windows(2), spoilt(np.inf)), "window 1 needs a finite shoulder"),
        (told(0, windows(2), targets(1)), "needs 4 targets or none"),
        (told(0, windows(2), targets(3)), "needs 4 targets or none"),
        (batch(0, windows(2), [0, 1]), "the dataset has no classes"),
        (batch(0, windows(2), [-1, -1]), "the dataset has no classes"),
    ],
)
def test_targets_that_do_not_fit_are_refused(server: ServerProcess, message: Any, words: str) -> None:
    name = "datasets/arm"
    code, info, status = refusal(lambda: send(server, header(name, 2), message))
    assert (code, info.reason) == ("INVALID_ARGUMENT", "FIELD_INVALID")
    assert words in status.message and info.metadata["remedy"]


def test_a_dataset_with_classes_takes_no_targets(server: ServerProcess) -> None:
    name = create_dataset(server, "classes")
    _, info, status = refusal(lambda: send(server, header(name, 2), told(0, windows(2), targets(2))))
    assert info.metadata["field"] == "batch.targets" and "no outputs" in status.message


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"classes": ["go", "stop"]}, "dataset.outputs"),
        ({"outputs": [MESSAGES[0], MESSAGES[0]]}, "dataset.outputs"),
        ({"outputs": [spec_pb2.Channel(name="", unit="m")]}, "dataset.outputs.name"),
        ({"outputs": [spec_pb2.Channel(name="x", unit="")]}, "dataset.outputs.unit"),
        ({"outputs": [spec_pb2.Channel(name=f"x{i}", unit="m") for i in range(1025)]}, "dataset.outputs"),
    ],
)
def test_outputs_that_cannot_be(server: ServerProcess, fields: dict[str, Any], field: str) -> None:
    code, info, _ = refusal(lambda: create(server, "wrong", **fields))
    assert (code, info.reason, info.metadata["field"]) == ("INVALID_ARGUMENT", "SPEC_INVALID", field)


# A regression's versions.


def learn(spec: JobSpec, context: Context) -> Outcome:
    return Outcome(version=NewVersion("arm", TASK.to_json(), Lineage("cnn"), 5, {"model": b"numbers"}))


def score(spec: JobSpec, context: Context) -> Outcome:
    assert isinstance(spec, EvaluateSpec)
    rows = (OutputEvaluation("shoulder", "N.m", 0.9, 0.1), OutputEvaluation("elbow", "N.m", -8.9, 2.0))
    return Outcome(evaluation=Evaluation(0.0, 0.0, (), (), 7, rows))


def run(server: ServerProcess, **spec: Any) -> Any:
    job = create_job(server, **spec)
    place = place_of(server, pretrain=learn, evaluate=score)
    assert run_next(place)
    place.catalogue.close()
    return server.jobs.GetJob(pb.GetJobRequest(name=job.name), timeout=TIMEOUT)


@pytest.fixture(scope="module")
def base(server: ServerProcess) -> str:
    return str(run(server, **pretrain("arm")).result.version)


def test_a_model_says_what_it_estimates(server: ServerProcess, base: str) -> None:
    model = server.models.GetModel(models_pb2.GetModelRequest(name="models/arm"), timeout=TIMEOUT)
    assert list(model.task.outputs) == MESSAGES and not model.task.classes
    assert run(server, **pretrain("arm", seed=1)).result.version == "models/arm/versions/2"


def test_a_model_keeps_its_outputs(server: ServerProcess, base: str) -> None:
    def other(spec: JobSpec, context: Context) -> Outcome:
        task = replace(TASK, outputs=OUTPUTS[::-1]).to_json()
        return Outcome(version=NewVersion("arm", task, Lineage("cnn"), 5, {"model": b"numbers"}))

    job = create_job(server, **pretrain("arm", seed=2))
    assert run_next(place_of(server, pretrain=other))
    ended = server.jobs.GetJob(pb.GetJobRequest(name=job.name), timeout=TIMEOUT)
    assert ended.state == pb.Job.FAILED and "its outputs differs" in ended.error.message


def test_a_regression_is_measured_by_its_outputs(server: ServerProcess, base: str) -> None:
    name = create(server, "measured")
    upload(server, name, windows(3))
    found = run(server, evaluate=pb.EvaluateSpec(version=base, dataset=name)).result.evaluation
    assert [(row.name, row.unit, row.determination) for row in found.outputs] == [
        ("shoulder", "N.m", 0.9),
        ("elbow", "N.m", -8.9),
    ]
