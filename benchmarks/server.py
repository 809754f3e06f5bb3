"""How long the server takes from process start to healthy, beside what Python and gRPC alone take."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

REPEATS = 5
LIMIT_SECONDS = 60.0
BARE = [sys.executable, "-c", "import grpc.aio"]
REFERENCE = "python -c 'import grpc.aio'"
HEAVY = ("jax", "flax", "optax", "orbax", "sim", "nets", "adapters", "export")


def run() -> list[dict[str, object]]:
    """Measure the start on a folder that is there and on an empty one, in turns with the bare start."""
    bare, first, again = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(REPEATS):
            data = Path(folder) / str(repeat)
            bare.append(_bare_seconds())
            first.append(_start_seconds(data))
            again.append(_start_seconds(data))
        _refuse_jax(Path(folder) / "0")
    reference = statistics.median(bare)
    measured = (("server_start_seconds", again), ("server_first_start_seconds", first))
    return [_record(name, statistics.median(seconds), reference) for name, seconds in measured]


def _record(name: str, seconds: float, bare: float) -> dict[str, object]:
    reference = f"{bare:.3f} s for {REFERENCE}"
    return {"name": name, "value": seconds, "unit": "s", "reference": reference, "ratio": seconds / bare}


def _bare_seconds() -> float:
    start = time.perf_counter()
    subprocess.run(BARE, check=True)
    return time.perf_counter() - start


def _start_seconds(data: Path) -> float:
    start = time.perf_counter()
    process = _server(data)
    try:
        _wait_until_serving(data, start + LIMIT_SECONDS)
        return time.perf_counter() - start
    finally:
        process.terminate()
        process.wait(LIMIT_SECONDS)


def _server(data: Path, python_options: tuple[str, ...] = (), worker_count: int = 1) -> "subprocess.Popen[bytes]":
    settings = {"data-folder": data, "address": "127.0.0.1:0", "worker-count": worker_count}
    options = [f"--{name}={value}" for name, value in settings.items()]
    command = [sys.executable, *python_options, "-m", "service", *options]
    with data.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PYTHONUNBUFFERED": "1"})


def _wait_until_serving(data: Path, deadline: float) -> None:
    ready = data / "server.json"
    while not ready.exists():
        if time.perf_counter() > deadline:
            raise TimeoutError(data.with_suffix(".log").read_text())
        time.sleep(0.002)
    with grpc.insecure_channel(json.loads(ready.read_text())["address"]) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=LIMIT_SECONDS)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise RuntimeError(f"not serving: {answer}")


def _refuse_jax(data: Path) -> None:
    """Let a server list its imports, and refuse the result if it loads what only workers may load."""
    log = data.with_suffix(".log")
    log.unlink()
    process = _server(data, ("-X", "importtime"), worker_count=0)
    try:
        _wait_until_serving(data, time.perf_counter() + LIMIT_SECONDS)
    finally:
        process.terminate()
        process.wait(LIMIT_SECONDS)
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in log.read_text().splitlines()}
    if loaded := modules & set(HEAVY):
        raise RuntimeError(f"the server imports {sorted(loaded)}")
    if "grpc" not in modules:
        raise RuntimeError("the list of imports is not there")
