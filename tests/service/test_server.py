"""The server as a process: how it starts, what it says of itself, how it stops."""

import ast
import json
import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from service.config import Config, from_environment, to_environment
from slipway.v1 import datasets_pb2, jobs_pb2, updates_pb2
from tests.service.process import (
    TIMEOUT,
    ServerProcess,
    batch,
    create_dataset,
    get_dataset,
    header,
    refusal,
    upload,
    wait_for,
    windows,
)
from tests.service.work import create_job, pretrain

ROOT = Path(__file__).parents[2]
HEAVY = ("jax", "jaxlib", "flax", "optax", "orbax", "sim", "nets", "adapters", "export", "onnx", "alembic")
Start = Callable[..., ServerProcess]
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_server_never_imports_jax_nor_what_it_does_not_need_to_start() -> None:
    code = f"import sys, service.server, service.__main__; print([m for m in {HEAVY!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ast.literal_eval(found.stdout) == []


def test_a_running_server_has_not_loaded_jax(server: ServerProcess) -> None:
    """Seen from outside: JAX's native library is not mapped into the process."""
    create_dataset(server, "mapped")
    assert server.process is not None
    maps = Path(f"/proc/{server.process.pid}/maps")
    if not maps.exists():
        pytest.skip("no /proc")
    assert "libgrpc" in maps.read_text() or "cygrpc" in maps.read_text()
    assert "jaxlib" not in maps.read_text()


def test_health(server: ServerProcess) -> None:
    stub = health_pb2_grpc.HealthStub(server.channel())
    for name in ("", "slipway.v1.Datasets", "slipway.v1.Jobs", "slipway.v1.Models", "slipway.v1.Updates"):
        assert stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=TIMEOUT).status == SERVING
    with pytest.raises(grpc.RpcError) as caught:
        stub.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=TIMEOUT)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_v1_is_enough_to_call_the_server_without_its_stubs(server: ServerProcess) -> None:
    channel = server.channel()
    database = ProtoReflectionDescriptorDatabase(channel)
    database._stub.ServerReflectionInfo = channel.stream_stream(  # the same client, speaking v1
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    names = set(database.get_services())
    assert {"slipway.v1.Datasets", "slipway.v1.Jobs", "slipway.v1.Models", "slipway.v1.Updates"} <= names
    assert {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"} <= names
    pool = DescriptorPool(database)
    for name in names:
        assert pool.FindServiceByName(name).full_name == name
    method = pool.FindServiceByName("slipway.v1.Datasets").methods_by_name["ListDatasets"]
    request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    call = channel.unary_unary(
        "/slipway.v1.Datasets/ListDatasets",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    assert call(request(page_size=1), timeout=TIMEOUT) is not None


def test_reflection_v1alpha_is_there_for_older_clients(server: ServerProcess) -> None:
    assert "slipway.v1.Jobs" in ProtoReflectionDescriptorDatabase(server.channel()).get_services()


def test_an_unknown_method_is_unimplemented(server: ServerProcess) -> None:
    call = server.channel().unary_unary("/slipway.v1.Datasets/Nonsense")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"", timeout=TIMEOUT)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_bug_is_an_opaque_id_outside_and_a_story_in_the_log(start_server: Start) -> None:
    server = start_server()
    job = create_job(server, **pretrain())
    with sqlite3.connect(server.folder / "catalogue.sqlite") as connection:
        connection.execute("ALTER TABLE jobs RENAME TO lost")
    for ask in (
        lambda: server.jobs.GetJob(jobs_pb2.GetJobRequest(name=job.name), timeout=TIMEOUT),
        lambda: list(server.jobs.WatchJob(jobs_pb2.WatchJobRequest(name=job.name), timeout=TIMEOUT)),
    ):
        code, info, status = refusal(ask)
        assert (code, info.reason) == ("INTERNAL", "INTERNAL")
        assert "table" not in str(status)
        log = server.log.read_text()
        assert info.metadata["error_id"] in log and "no such table: jobs" in log


def test_it_says_where_it_listens_and_stops_in_good_order(start_server: Start) -> None:
    server = start_server()
    assert server.process is not None
    ready = json.loads((server.folder / "server.json").read_text())
    assert ready == {"address": server.address, "pid": server.process.pid}
    assert f"listens on {server.address}" in server.log.read_text()
    assert server.stop() == 0
    assert not (server.folder / "server.json").exists()


def test_stopping_lets_calls_end_and_sends_watchers_away(start_server: Start) -> None:
    server = start_server()
    name = create_dataset(server, "d")
    job = create_job(server, **pretrain())
    watcher = server.jobs.WatchJob(jobs_pb2.WatchJobRequest(name=job.name), timeout=TIMEOUT)
    hints = server.updates.WatchUpdates(updates_pb2.WatchUpdatesRequest(model="models/m"), timeout=TIMEOUT)
    next(watcher), next(hints)
    health = health_pb2_grpc.HealthStub(server.channel()).Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
    assert next(health).status == SERVING
    values, stopping = windows(8), []

    def slow() -> Iterator[datasets_pb2.UploadWindowsRequest]:
        yield header(name, 8)
        yield batch(0, values[:4])
        wait_for(lambda: stopping)
        yield batch(4, values[4:])

    sending = server.datasets.UploadWindows.future(slow(), timeout=TIMEOUT)
    wait_for(lambda: list((server.folder / "uploads").glob("*.part")))
    assert server.process is not None
    server.process.terminate()
    assert next(health).status == NOT_SERVING
    for stream in (watcher, hints):
        code, info, _ = refusal(lambda s=stream: list(s))
        assert (code, info.reason) == ("UNAVAILABLE", "SERVER_STOPPING")
    stopping.append(True)
    assert sending.result(TIMEOUT).committed_count == 8, "the upload under way was let through"
    health.cancel()
    assert server.process.wait(TIMEOUT) == 0
    server.start()
    assert get_dataset(server, name).window_count == 8


def test_one_folder_one_server(start_server: Start) -> None:
    first = start_server()
    second = ServerProcess(first.folder)
    ready = (first.folder / "server.json").read_text()
    with pytest.raises(RuntimeError, match="another server uses the folder"):
        second.start()
    (first.folder / "server.json").write_text(ready)


def test_one_address_one_server(start_server: Start) -> None:
    first = start_server("first")
    with pytest.raises(RuntimeError, match=f"cannot listen on {first.address}"):
        start_server("second", address=first.address)


def test_uploads_that_nobody_touches_are_forgotten(start_server: Start) -> None:
    server = start_server(upload_ttl_seconds=0.0)
    name = create_dataset(server, "d")
    upload_id = str(uuid.uuid4())
    messages = iter([header(name, 8, upload_id), batch(0, windows(4))])
    refusal(lambda: server.datasets.UploadWindows(messages, timeout=TIMEOUT))
    (server.folder / "uploads" / "stray.part").write_bytes(b"x")
    (server.folder / "jobs" / "gone").mkdir(parents=True)
    upload(server, name, windows(3))
    server.restart()
    request = datasets_pb2.GetUploadRequest(name=f"{name}/uploads/{upload_id}")
    assert refusal(lambda: server.datasets.GetUpload(request, timeout=TIMEOUT))[1].reason == "UPLOAD_NOT_FOUND"
    assert list((server.folder / "uploads").iterdir()) == []
    assert list((server.folder / "jobs").iterdir()) == []
    assert get_dataset(server, name).window_count == 3


def children(pid: int) -> list[int]:
    """Worker processes of a server."""
    return [child.pid for child in psutil.Process(pid).children()]


def test_workers_are_restarted_and_never_outlive_the_server(start_server: Start) -> None:
    server = start_server(worker_count=1)
    assert server.process is not None
    (first,) = wait_for(lambda: children(server.process.pid))
    os.kill(first, 9)
    (second,) = wait_for(lambda: [pid for pid in children(server.process.pid) if pid != first])
    wait_for(lambda: "takes jobs" in server.log.read_text(), 2 * TIMEOUT)
    assert children(server.process.pid) == [second]
    server.kill()
    wait_for(lambda: not psutil.pid_exists(second) or psutil.Process(second).status() == psutil.STATUS_ZOMBIE)


def test_workers_stop_with_the_server(start_server: Start) -> None:
    server = start_server(worker_count=2)
    assert server.process is not None
    pids = wait_for(lambda: children(server.process.pid) if len(children(server.process.pid)) == 2 else [])
    assert server.stop() == 0
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_settings_travel_through_the_environment() -> None:
    config = Config(data_folder=Path("/somewhere"), worker_count=3, lease_seconds=1.5, blob_url="s3://x")
    assert from_environment(to_environment(config)) == config
    given: dict[str, Any] = {"worker_count": 7, "address": None}
    assert from_environment({"SLIPWAY_SERVER_WORKER_COUNT": "2"}, **given).worker_count == 7
    with pytest.raises(ValueError, match="SLIPWAY_SERVER_WORKER_COUNT='many' is not a int"):
        from_environment({"SLIPWAY_SERVER_WORKER_COUNT": "many"})
