"""``kill -9``: nothing that was accepted is lost, jobs go on where they were."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from service.config import to_environment
from slipway.v1 import datasets_pb2, jobs_pb2, models_pb2
from tests.service.process import (
    TIMEOUT,
    ServerProcess,
    batch,
    batches,
    create_dataset,
    get_dataset,
    header,
    upload,
    wait_for,
    windows,
)
from tests.service.work import create_job, pretrain
from tests.service.worker_process import STOP_AT

ROOT = Path(__file__).parents[2]
Start = Callable[..., ServerProcess]


def get_upload(server: ServerProcess, name: str) -> Any:
    return server.datasets.GetUpload(datasets_pb2.GetUploadRequest(name=name), timeout=TIMEOUT)


def get_job(server: ServerProcess, name: str) -> Any:
    return server.jobs.GetJob(jobs_pb2.GetJobRequest(name=name), timeout=TIMEOUT)


def test_a_server_killed_during_an_upload_loses_nothing_it_accepted(start_server: Start) -> None:
    server = start_server()
    name, upload_id = create_dataset(server, "d"), str(uuid.uuid4())
    before = upload(server, name, windows(5, seed=1))
    values = windows(1_000_000)  # 24 MB: some of it is committed while the rest is under way
    size, first_part = 40_000, 500_000
    killed: list[bool] = []

    def until_killed() -> Iterator[datasets_pb2.UploadWindowsRequest]:
        yield header(name, len(values), upload_id)
        yield from batches(values[:first_part], size=size)
        wait_for(lambda: killed)

    call = server.datasets.UploadWindows.future(until_killed(), timeout=TIMEOUT)
    upload_name = f"{name}/uploads/{upload_id}"
    wait_for(lambda: (server.folder / "uploads" / f"{upload_id}.part").exists())
    accepted = wait_for(lambda: get_upload(server, upload_name).committed_count)
    server.kill()
    killed.append(True)
    with pytest.raises(grpc.RpcError):
        call.result(TIMEOUT)

    server.start()
    found = get_upload(server, upload_name)
    assert found.state == datasets_pb2.Upload.RECEIVING
    assert accepted <= found.committed_count <= first_part
    assert get_dataset(server, name).window_count == 5, "no half upload in the dataset"
    messages = iter([header(name, len(values), upload_id), *batches(values, first=found.committed_count, size=size)])
    done = server.datasets.UploadWindows(messages, timeout=TIMEOUT)
    assert get_dataset(server, name).window_count == 5 + len(values)
    records = np.load(server.folder / "blobs" / done.sha256[:2] / done.sha256, mmap_mode="r")
    np.testing.assert_array_equal(records["values"], values)
    assert (server.folder / "blobs" / before.sha256[:2] / before.sha256).exists()


@pytest.mark.parametrize("torn_bytes", [1, 24, 1000])
def test_a_record_torn_by_the_kill_is_dropped(start_server: Start, torn_bytes: int) -> None:
    server = start_server()
    name, upload_id, values = create_dataset(server, "d"), str(uuid.uuid4()), windows(12)
    messages = iter([header(name, 12, upload_id), batch(0, values[:6])])
    with pytest.raises(grpc.RpcError):
        server.datasets.UploadWindows(messages, timeout=TIMEOUT)
    server.kill()
    with (server.folder / "uploads" / f"{upload_id}.part").open("ab") as file:
        file.write(os.urandom(torn_bytes))  # what the kernel had got of the batch that was never acknowledged
    server.start()
    assert get_upload(server, f"{name}/uploads/{upload_id}").committed_count == 6
    messages = iter([header(name, 12, upload_id), *batches(values, first=6)])
    done = server.datasets.UploadWindows(messages, timeout=TIMEOUT)
    records = np.load(server.folder / "blobs" / done.sha256[:2] / done.sha256)
    np.testing.assert_array_equal(records["values"], values)


@pytest.fixture
def start_worker() -> Iterator[Callable[[ServerProcess, str], subprocess.Popen[bytes]]]:
    """Start workers of the test's own, with the pipeline of ``worker_process``."""
    started: list[subprocess.Popen[bytes]] = []

    def start(server: ServerProcess, name: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **to_environment(server.config)}
        command = [sys.executable, "-m", "tests.service.worker_process", name]
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(TIMEOUT)


StartWorker = Callable[[ServerProcess, str], "subprocess.Popen[bytes]"]


def method_of(server: ServerProcess, version: str) -> str:
    request = models_pb2.GetVersionRequest(name=version)
    return str(server.models.GetVersion(request, timeout=TIMEOUT).lineage.method)


def test_a_job_whose_worker_was_killed_goes_on_from_its_checkpoint(
    start_server: Start, start_worker: StartWorker
) -> None:
    server = start_server(lease_seconds=1.0, heartbeat_seconds=0.1)
    job = create_job(server, **pretrain())
    first = start_worker(server, "first")
    wait_for(lambda: get_job(server, job.name).progress.epoch == STOP_AT)
    first.kill()
    start_worker(server, "second")
    *_, last = server.jobs.WatchJob(jobs_pb2.WatchJobRequest(name=job.name), timeout=TIMEOUT)
    assert (last.state, last.attempt_count) == (jobs_pb2.Job.SUCCEEDED, 2)
    assert method_of(server, last.result.version) == f"resumed after step {STOP_AT}"


def test_a_job_that_kills_every_worker_fails_with_the_reason(start_server: Start, start_worker: StartWorker) -> None:
    server = start_server(lease_seconds=0.5, heartbeat_seconds=0.1, attempt_limit=1)
    job = create_job(server, **pretrain())
    first = start_worker(server, "first")
    wait_for(lambda: get_job(server, job.name).progress.epoch == STOP_AT)
    first.kill()
    start_worker(server, "second")
    *_, last = server.jobs.WatchJob(jobs_pb2.WatchJobRequest(name=job.name), timeout=TIMEOUT)
    assert (last.state, last.attempt_count) == (jobs_pb2.Job.FAILED, 1)
    assert last.error.message == f"{job.name}: 1 workers died while they ran the job."


def test_a_server_killed_while_a_job_runs_finds_it_again(start_server: Start, start_worker: StartWorker) -> None:
    server = start_server(lease_seconds=1.0, heartbeat_seconds=0.1)
    job = create_job(server, **pretrain())
    worker = start_worker(server, "first")
    wait_for(lambda: get_job(server, job.name).progress.epoch == STOP_AT)
    watcher = server.jobs.WatchJob(jobs_pb2.WatchJobRequest(name=job.name), timeout=TIMEOUT)
    assert next(watcher).state == jobs_pb2.Job.RUNNING
    server.restart()
    with pytest.raises(grpc.RpcError):
        list(watcher)
    assert get_job(server, job.name).state == jobs_pb2.Job.RUNNING, "the worker went on without the server"
    worker.kill()
    start_worker(server, "second")
    *_, last = server.jobs.WatchJob(jobs_pb2.WatchJobRequest(name=job.name), timeout=TIMEOUT)
    assert last.state == jobs_pb2.Job.SUCCEEDED
