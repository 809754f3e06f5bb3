"""Graphs from elsewhere through the client: what is sent arrives, once, and what cannot be sent is said before."""

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.domain import GRAPH, ImportSpec, JobSpec, Lineage, NewVersion, Outcome
from service.worker.context import Context
from service.worker.loop import run_next
from slipway.bundle.archive import BUNDLE_LIMIT_BYTES
from slipway.client import Client, ServerRefused, ServerUnreachable, connect
from slipway.errors import Reason, Refused
from slipway.spec import Channel, TaskSpec
from tests.slipway.edge.bundles import CLASSES, SENSOR
from tests.slipway.server import Server

CONTENT = bytes(range(256)) * 4000  # in four pieces
TASKS = {
    "classes": TaskSpec("jeep", SENSOR, CLASSES),
    "outputs": TaskSpec("crane", SENSOR, outputs=(Channel("load", "kg"),)),
}


def import_model(spec: JobSpec, context: Context) -> Outcome:
    """A version that holds the file as it came."""
    assert isinstance(spec, ImportSpec)
    files = {"float_onnx": context.uploaded(GRAPH)}
    return Outcome(version=NewVersion(spec.model_id, spec.task, Lineage(f"imported {spec.layout}"), 1, files))


def run_one(server: Server) -> None:
    assert run_next(replace(server.worker(), pipelines={"import_model": import_model}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("answers", TASKS)
def test_file_task_and_layout_arrive(client: Client, server: Server, file: Path, tmp_path: Path, answers: str) -> None:
    task, told = TASKS[answers], list[tuple[int, int]]()
    progress = lambda done, total: told.append((done, total))  # noqa: E731
    job = client.models.import_model(f"models/{answers}", file, task, layout="channels_time", progress=progress)
    assert (job.kind, job.state, job.spec["layout"]) == ("import_model", "PENDING", "CHANNELS_TIME")
    assert job.spec["task"] == task and told[-1] == (len(CONTENT), len(CONTENT)) and len(told) == 4
    run_one(server)
    version = client.models.version(f"{answers}/1")
    assert version.lineage is not None and version.lineage.method == "imported channels_time"
    assert client.models.get(answers).task == task
    client.models.download_artifact(f"{answers}/1/float_onnx", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == CONTENT


def test_the_same_request_id_makes_one_job(client: Client, server: Server, file: Path) -> None:
    ways: dict[str, Any] = {"request_id": str(uuid.uuid4())}
    first, again = (client.models.import_model("once", file, TASKS["classes"], **ways) for _ in range(2))
    assert first == again
    run_one(server)


def test_a_server_that_comes_back_within_patience_gets_the_file(own_server: Server, file: Path) -> None:
    with connect(own_server.address) as client:
        own_server.stop()
        with pytest.raises(ServerUnreachable):
            client.models.import_model("late", file, TASKS["classes"], patience_s=0.0)
        own_server.start()
        assert client.models.import_model("late", file, TASKS["classes"]).state == "PENDING"


def test_what_cannot_be_sent_is_refused_here(client: Client, file: Path, tmp_path: Path) -> None:
    empty, large = tmp_path / "empty", tmp_path / "large"
    empty.touch()
    with large.open("wb") as sparse:
        sparse.truncate(BUNDLE_LIMIT_BYTES + 1)
    for path, layout, reason, field in (
        (empty, "", Reason.FIELD_INVALID, "file"),
        (large, "", Reason.LIMIT_EXCEEDED, "file"),
        (file, "sideways", Reason.FIELD_INVALID, "layout"),
    ):
        with pytest.raises(Refused) as refused:
            client.models.import_model("never", path, TASKS["classes"], layout=layout)
        assert (refused.value.reason, refused.value.field) == (reason, field)
    with pytest.raises(ServerRefused) as answer:
        client.models.import_model("No Name", file, TASKS["classes"])
    assert answer.value.reason == "SPEC_INVALID" and "header.spec.model_id" in answer.value.message
