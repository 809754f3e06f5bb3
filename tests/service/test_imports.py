"""Graphs from elsewhere at the server's door: whole and as promised, or nothing of them stays."""

import asyncio
import hashlib
import itertools
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.blobs import Blobs
from service.catalogue import jobs
from service.catalogue.engine import Catalogue
from service.catalogue.requests import RequestKey
from service.config import Config
from service.domain import GRAPH, ImportSpec
from service.imports import Header, Imports
from slipway.bundle.archive import BUNDLE_LIMIT_BYTES
from slipway.errors import Reason, Refused
from slipway.v1 import jobs_pb2, models_pb2, spec_pb2
from tests.service.pipelines import TASK
from tests.service.process import SENSOR, TIMEOUT, ServerProcess, refusal, wait_for

Request = models_pb2.ImportModelRequest
Start = Callable[..., ServerProcess]
CONTENT = bytes(range(256)) * 20  # the server looks into no file


def task(**changes: Any) -> spec_pb2.TaskSpec:
    return spec_pb2.TaskSpec(**{"name": "rover", "sensor": SENSOR, "classes": ["go", "stop"], **changes})


def spec(**changes: Any) -> jobs_pb2.ImportSpec:
    return jobs_pb2.ImportSpec(**{"model_id": "m", "task": task(), **changes})


def header(content: bytes = CONTENT, **changes: Any) -> Request:
    fields = {"spec": spec(), "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), **changes}
    return Request(header=models_pb2.ImportHeader(**fields))


def pieces(content: bytes = CONTENT, size: int = 999) -> list[Request]:
    return [Request(data=content[first : first + size]) for first in range(0, len(content), size)]


def send(server: ServerProcess, messages: Sequence[Request]) -> Any:
    return server.models.ImportModel(iter(messages), timeout=TIMEOUT)


def kept(server: ServerProcess) -> tuple[int, int, int]:
    """Jobs, blobs and unfinished files on the server."""
    count = len(server.jobs.ListJobs(jobs_pb2.ListJobsRequest(page_size=1000), timeout=TIMEOUT).jobs)
    blobs, parts = (sum(path.is_file() for path in (server.folder / name).rglob("*")) for name in ("blobs", "imports"))
    return count, blobs, parts


def fetched(server: ServerProcess, name: str) -> bytes:
    request = models_pb2.DownloadArtifactRequest(name=name)
    return b"".join(piece.data for piece in server.models.DownloadArtifact(request, timeout=TIMEOUT))


def test_a_file_becomes_a_job_that_holds_it(server: ServerProcess) -> None:
    asked = spec(model_id="held", layout=jobs_pb2.ImportSpec.CHANNELS_TIME)
    job = send(server, [header(spec=asked), *pieces()])
    assert (job.state, job.import_model) == (jobs_pb2.Job.PENDING, asked)
    assert fetched(server, f"{job.name}/artifacts/{GRAPH}") == CONTENT
    assert server.jobs.GetJob(jobs_pb2.GetJobRequest(name=job.name), timeout=TIMEOUT) == job
    assert kept(server)[2] == 0


def test_a_file_larger_than_any_message(server: ServerProcess) -> None:
    content = bytes(5 << 20)
    job = send(server, [header(content), *pieces(content, 1 << 20)])
    assert fetched(server, f"{job.name}/artifacts/{GRAPH}") == content


@settings(max_examples=25, deadline=None)
@given(content=st.binary(min_size=1, max_size=2000), size=st.integers(1, 700))
def test_any_bytes_in_pieces_of_any_size(server: ServerProcess, content: bytes, size: int) -> None:
    job = send(server, [header(content), *pieces(content, size)])
    assert fetched(server, f"{job.name}/artifacts/{GRAPH}") == content


def test_a_regression_is_asked_for_with_outputs(server: ServerProcess) -> None:
    outputs = [spec_pb2.Channel(name="torque", unit="N.m")]
    asked = spec(model_id="arm", task=task(classes=(), outputs=outputs))
    assert send(server, [header(spec=asked), *pieces()]).import_model == asked


def test_the_same_request_makes_one_job_and_needs_no_file_again(server: ServerProcess) -> None:
    request_id = str(uuid.uuid4())
    job = send(server, [header(request_id=request_id), *pieces()])
    before = kept(server)
    for messages in ([header(request_id=request_id), *pieces()], [header(request_id=request_id)]):
        assert send(server, messages) == job
    other = CONTENT + b"!"
    code, info, _ = refusal(lambda: send(server, [header(other, request_id=request_id), *pieces(other)]))
    assert (code, info.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert kept(server) == before


def test_a_job_without_its_file_is_refused(server: ServerProcess) -> None:
    request = jobs_pb2.CreateJobRequest(job=jobs_pb2.Job(import_model=spec()))
    _, info, _ = refusal(lambda: server.jobs.CreateJob(request, timeout=TIMEOUT))
    assert info.metadata["field"] == "job.import_model" and "ImportModel" in info.metadata["remedy"]


def bad_task(**changes: Any) -> Request:
    return header(spec=spec(task=task(**changes)))


REFUSED: dict[str, tuple[list[Request], str, str]] = {
    "nothing": ([], "FIELD_REQUIRED", "header"),
    "data first": (pieces(), "FIELD_REQUIRED", "header"),
    "an empty message": ([Request()], "FIELD_REQUIRED", "header"),
    "two headers": ([header(), header()], "FIELD_INVALID", "header"),
    "an empty piece": ([header(), Request(data=b"")], "FIELD_REQUIRED", "data"),
    "a piece that is none": ([header(), Request()], "FIELD_REQUIRED", "data"),
    "no spec": ([header(spec=None)], "FIELD_REQUIRED", "header.spec"),
    "no task": ([header(spec=spec(task=None))], "FIELD_REQUIRED", "header.spec.task"),
    "no name": ([header(spec=spec(model_id=""))], "SPEC_INVALID", "header.spec.model_id"),
    "a name that is none": ([header(spec=spec(model_id="../m"))], "SPEC_INVALID", "header.spec.model_id"),
    "an unknown layout": ([header(spec=spec(layout=7))], "FIELD_INVALID", "header.spec.layout"),
    "one class": ([bad_task(classes=["go"])], "SPEC_INVALID", "header.spec.task.classes"),
    "no sensor": ([bad_task(sensor=None)], "SPEC_INVALID", "header.spec.task.sensor.channels"),
    "no length": ([header(size_bytes=0)], "FIELD_INVALID", "header.size_bytes"),
    "a negative length": ([header(size_bytes=-1)], "FIELD_INVALID", "header.size_bytes"),
    "too long": ([header(size_bytes=BUNDLE_LIMIT_BYTES + 1)], "LIMIT_EXCEEDED", "header.size_bytes"),
    "no hash": ([header(sha256="")], "FIELD_INVALID", "header.sha256"),
    "half a hash": ([header(sha256="ab" * 16)], "FIELD_INVALID", "header.sha256"),
    "another hash": ([header(sha256="ab" * 32), *pieces()], "FIELD_INVALID", "data"),
    "another file": ([header(), *pieces(CONTENT[::-1])], "FIELD_INVALID", "data"),
    "the pieces in another order": ([header(), *pieces()[::-1]], "FIELD_INVALID", "data"),
    "less than promised": ([header(), *pieces()[:-1]], "FIELD_INVALID", "data"),
    "nothing of what was promised": ([header()], "FIELD_INVALID", "data"),
    "more than promised": ([header(), *pieces(), Request(data=b"!")], "FIELD_INVALID", "data"),
    "a request id that is none": ([header(request_id="again")], "FIELD_INVALID", "request_id"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_nothing(server: ServerProcess, name: str) -> None:
    messages, reason, field = REFUSED[name]
    before = kept(server)
    code, info, status = refusal(lambda: send(server, messages))
    assert (code, info.reason, info.metadata["field"]) == ("INVALID_ARGUMENT", reason, field)
    assert info.metadata["remedy"] and status.message.startswith(field)
    assert kept(server) == before


def test_the_refusal_of_a_length_says_both(server: ServerProcess) -> None:
    _, _, status = refusal(lambda: send(server, [header(), *pieces()[:-1]]))
    assert status.message == "data: needs 5120 bytes, as the header says, found 4995."


def test_a_stream_without_end_is_ended(server: ServerProcess) -> None:
    endless = itertools.chain([header()], itertools.repeat(Request(data=bytes(1000))))
    _, info, _ = refusal(lambda: server.models.ImportModel(endless, timeout=TIMEOUT))
    assert info.metadata["field"] == "data"


def part_of(server: ServerProcess) -> Callable[[], list[Path]]:
    """Asks for the file of the one stream that is under way, once something is in it."""
    return lambda: [path for path in (server.folder / "imports").glob("*.part") if path.exists()]


def hanging(over: list[bool]) -> Iterator[Request]:
    """A stream that sends half of its file and waits."""
    yield header()
    yield from pieces()[:3]
    wait_for(lambda: over)


def test_a_stream_that_is_cut_leaves_nothing(server: ServerProcess) -> None:
    before, over = kept(server), list[bool]()
    call = server.models.ImportModel.future(hanging(over), timeout=TIMEOUT)
    wait_for(part_of(server))
    call.cancel()
    over.append(True)
    wait_for(lambda: kept(server) == before)


def test_a_server_that_is_killed_leaves_nothing_to_the_next(start_server: Start) -> None:
    server, over = start_server(), list[bool]()
    call = server.models.ImportModel.future(hanging(over), timeout=TIMEOUT)
    wait_for(part_of(server))
    assert server.process is not None
    server.process.kill()
    server.process.wait(TIMEOUT)
    assert part_of(server)(), "it had no time to clean up"
    server.start()
    over.append(True)
    with pytest.raises(grpc.RpcError):
        call.result(TIMEOUT)
    assert kept(server) == (0, 0, 0)
    assert send(server, [header(), *pieces()]).state == jobs_pb2.Job.PENDING


def test_streams_under_way_are_limited(start_server: Start) -> None:
    server, over = start_server(open_upload_limit=1), list[bool]()
    call = server.models.ImportModel.future(hanging(over), timeout=TIMEOUT)
    wait_for(part_of(server))
    code, info, _ = refusal(lambda: send(server, [header(), *pieces()]))
    assert (code, info.reason) == ("RESOURCE_EXHAUSTED", "UPLOADS_EXHAUSTED")
    over.append(True)
    assert refusal(lambda: call.result(TIMEOUT))[1].metadata["field"] == "data"
    assert send(server, [header(), *pieces()]).state == jobs_pb2.Job.PENDING


def test_a_stream_that_stalls_is_ended_and_leaves_nothing(catalogue: Catalogue, blobs: Blobs, tmp_path: Path) -> None:
    door = Imports(catalogue, blobs, Config(data_folder=tmp_path), patience_seconds=0.05)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    promised = Header(ImportSpec("m", TASK.to_json()), len(CONTENT), sha256, RequestKey("", ""))

    async def stalled() -> AsyncIterator[bytes]:
        yield CONTENT[:100]
        await asyncio.Event().wait()

    async def whole() -> AsyncIterator[bytes]:
        yield CONTENT

    with pytest.raises(Refused) as refused:
        asyncio.run(asyncio.wait_for(door.receive(promised, stalled()), TIMEOUT))
    assert (refused.value.reason, refused.value.field) == (Reason.FIELD_INVALID, "data")
    assert f"100 of {len(CONTENT)}" in refused.value.message
    assert list((tmp_path / "imports").iterdir()) == [] and not blobs.exists(sha256)
    assert catalogue.read(jobs.page, None, 10) == []
    assert asyncio.run(door.receive(promised, whole())).artifacts[0].sha256 == sha256
