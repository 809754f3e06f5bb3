"""Inference over gRPC: requests a second, their delay, what batches gain, beside a bare servicer of the same messages.

A real server answers with the int8 bundle of the CNN of ``benchmarks.int8``; the load generator and the bare servicer
are processes of their own, and all share this machine's cores. Server and bare servicer are asked in turns, so that the
ratios hold on a busy machine; processor time a request holds best.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from benchmarks.int8 import _model, _record
from benchmarks.server import _server, _wait_until_serving
from export.calibration import quantize
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from service.blobs import open_blobs
from service.catalogue.engine import Catalogue, database_url
from tests.service.inference.bundles import bundle, publish

ROUNDS = 5
FLIGHT = 8
SECONDS = 2.0
START_SECONDS = 60.0
RPS_AIM, P99_AIM_MS = 4000.0, 10.0
MIXES = ((8, 4), (8, 8), (2, 16), (2, 32), (2, 64))  # requests in flight, windows in each
BATCHING_OFF = {"SLIPWAY_SERVER_INFERENCE_BATCH_LIMIT": "1"}


@dataclass(frozen=True)
class Asked:
    """A process that answers."""

    address: str
    pid: int


def run() -> list[dict]:
    """Medians over rounds; a gain is in windows a second."""
    with tempfile.TemporaryDirectory() as name, _serving(Path(name) / "on") as server, _echo() as bare:
        rounds = [(_load(bare), _load(server)) for _ in range(ROUNDS)]
        rps, p99_ms, cpu_us = (median(infer[key] for _, infer in rounds) for key in ("rps", "p99_ms", "cpu_us"))
        ratio = median(echo["rps"] / infer["rps"] for echo, infer in rounds)
        bare_us = median(echo["cpu_us"] for echo, _ in rounds)
        limit_ms = max(P99_AIM_MS, p99_ms)
        larger = [_load(server, flight, size) for flight, size in MIXES]
        together = _load(server, flight=8 * FLIGHT)
        triton = _load(server, client="triton")
        with _serving(Path(name) / "off", BATCHING_OFF) as unbatched:
            apart = _load(unbatched, flight=8 * FLIGHT)
    within = [each["windows_per_second"] for each in larger if each["p99_ms"] <= limit_ms]
    return [
        _record("infer_rps", rps, "requests/s", RPS_AIM),
        _record("infer_p99_ms", p99_ms, "ms", P99_AIM_MS),
        {**_record("infer_echo_ratio", ratio, "x", 1.0), "reference": "time of a bare servicer of the same messages"},
        _record("infer_cpu_ratio", cpu_us, "us a request", bare_us),
        _record("infer_triton_rps", triton["rps"], "requests/s, tritonclient", rps),
        _record("infer_batching_gain", max(within, default=rps), f"/s, p99<{limit_ms:.1f}ms", rps),
        _record("infer_dynamic_gain", together["rps"], f"/s, {8 * FLIGHT} in flight", apart["rps"]),
    ]


@contextmanager
def _serving(data: Path, environment: dict[str, str] | None = None) -> Iterator[Asked]:
    """A server with one model on its stable channel."""
    os.environ.update(environment or {})
    process = _server(data, worker_count=0)
    for key in environment or {}:
        del os.environ[key]
    try:
        _wait_until_serving(data, time.perf_counter() + START_SECONDS)
        _publish(data)
        yield Asked(json.loads((data / "server.json").read_text())["address"], process.pid)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _publish(data: Path) -> None:
    made = _model()
    windows = np.random.default_rng(1).normal(size=(64, *made.task.sensor.window_shape)).astype(np.float32)
    graph = to_bytes(int8_onnx(quantize(fold(made), windows).net, made.task))
    catalogue = Catalogue(database_url("", data))
    publish(catalogue, open_blobs("", data), bundle(graph, made.task), made.task, "stable")
    catalogue.close()


@contextmanager
def _echo() -> Iterator[Asked]:
    """The bare servicer."""
    command = [sys.executable, "-m", "benchmarks._inference_echo"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        yield Asked(process.stdout.readline().strip(), process.pid)
        process.stdin.close()


def _load(asked: Asked, flight: int = FLIGHT, windows: int = 1, client: str = "wire") -> dict[str, float]:
    """What the load generator saw, and the processor time of the one who answers, for each request."""
    options = ["--flight", str(flight), "--windows", str(windows), "--seconds", str(SECONDS), "--client", client]
    command = [sys.executable, "-m", "benchmarks._inference_load", asked.address, "activity", *options]
    before = _cpu_seconds(asked.pid)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = dict(json.loads(done.stdout))
    return {**found, "cpu_us": 1e6 * (_cpu_seconds(asked.pid) - before) / found["requests"]}


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
