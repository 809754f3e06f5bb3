"""The device's side: how long an installation takes, how much memory a node holds after 1,000 answers, and what a
candidate that runs beside costs: the 99th percentile of an answer's time with one and without, in turns.

A real server on a loopback port offers the int8 bundle of the CNN of ``benchmarks.int8``; the node is the command
``slipway edge run`` in a process of its own. The reference of the time is a process that only imports the libraries.
The candidate is the version that answers once more, so it should seem neither faster nor slower.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.int8 import _model, _record
from service.domain import JobSpec, Lineage, NewVersion, Outcome
from service.worker.context import Context
from service.worker.loop import run_next
from service.worker.pipelines.export import export
from slipway.client import connect
from slipway.edge.answer import look
from slipway.edge.live import load
from slipway.edge.report import Sums
from slipway.edge.shadow import Shadow
from slipway.edge.state import Candidate
from slipway.edge.store import Store
from tests.slipway.server import Server

ROUNDS = 5
ANSWERS = 1000
PACE_S = 0.005  # between two windows
RESIDENT_AIM_MB = 90.0
EDGE = (sys.executable, "-m", "slipway.cli", "edge", "run", "--model", "activity")
BARE = (sys.executable, "-c", "import grpc, numpy, onnxruntime, tenacity, typer")


def run() -> list[dict]:
    """Seconds from process start to installed, resident memory in MB (2**20 bytes), and ratios of answering times."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(folder / "server")
        try:
            window = _publish(server)
            bare, install = [], []
            for round in range(ROUNDS):
                bare.append(_seconds(list(BARE)))
                place = ("--server", server.address, "--folder", str(folder / f"device-{round}"))
                install.append(_seconds([*EDGE, *place, "--once"]))
            resident_mb = _resident_mb([*EDGE, *place, "--input", "-"], window)
            alone_s, beside_s, seems = _beside(Store(folder / "device-0"), window)
        finally:
            server.stop()
    return [
        _record("edge_install_seconds", median(install), "s", median(bare)),
        _record("edge_resident_mb", resident_mb, "MB", RESIDENT_AIM_MB),
        _record("edge_answer_p99_beside_a_candidate", beside_s * 1000, "ms", alone_s * 1000),
        _record("edge_candidate_seems_slower", seems, "ratio", 1.0),
    ]


def _publish(server: Server) -> np.ndarray:
    """Let the server offer a bundle on the stable channel; returns a window that fits it."""
    model = _model()

    def pretrain(spec: JobSpec, context: Context) -> Outcome:
        files = {"model": model.to_bytes()}
        return Outcome(version=NewVersion("activity", model.task.to_json(), Lineage("cnn"), 99_000, files))

    worker = replace(server.worker(), pipelines={"pretrain": pretrain, "export": export})
    windows = np.random.default_rng(0).normal(size=(256, *model.task.sensor.window_shape)).astype(np.float32)
    with connect(server.address) as client:
        client.jobs.pretrain("activity", world="any")
        assert run_next(worker)
        client.datasets.create("pool", model.task.sensor)
        client.datasets.upload_windows("pool", windows)
        job = client.jobs.export("activity/1", "pool")
        assert run_next(worker)
        if (done := client.jobs.get(job.name)).error is not None:
            raise RuntimeError(done.error.message)
        client.models.set_channel("activity", "stable", "activity/1")
    return windows[0]


def _beside(store: Store, window: np.ndarray) -> tuple[float, float, float]:
    """99th percentiles of answering alone and beside a candidate (s), and how many times as long that seems to take."""
    state = store.read()
    assert state is not None and state.current is not None
    current, told, started = state.current, list[Sums](), threading.Event()
    live = load(store, current)
    shadow = Shadow(
        store,
        lambda: current,
        lambda version, rollout, sums: told.append(sums),
        lambda candidate, refusal: None,
        lambda event, **values: started.set(),
    )
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(2 * ROUNDS):
        beside = turn % 2
        started.clear()
        shadow.show(Candidate("models/activity/rollouts/1", current) if beside else None)
        if beside and not started.wait(60.0):
            raise RuntimeError("the candidate did not start")
        for _ in range(ANSWERS):
            time.sleep(PACE_S)
            seen = look(window, live)
            seconds[beside].append(seen.elapsed_s)
            shadow.saw(seen)
    shadow.stop()
    sums = sum(told, Sums())
    alone_s, beside_s = (float(np.quantile(each, 0.99)) for each in seconds)
    return alone_s, beside_s, sums.latency_s / sums.latency_before_s


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def _resident_mb(command: list[str], window: np.ndarray) -> float:
    line = json.dumps(window.tolist()) + "\n"
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for _ in range(ANSWERS):
            process.stdin.write(line)
            process.stdin.flush()
            if "class" not in json.loads(process.stdout.readline()):
                raise RuntimeError("the node refused a window")
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
    return next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmRSS")) / 1024
