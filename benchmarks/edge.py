"""The device's side: how long an installation takes, and how much memory a node holds after 1,000 answers.

A real server on a loopback port offers the int8 bundle of the CNN of ``benchmarks.int8``; the node is the command
``slipway edge run`` in a process of its own. The reference of the time is a process that only imports the libraries.
"""

import json
import subprocess
import sys
import tempfile
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
from tests.slipway.server import Server

ROUNDS = 5
ANSWERS = 1000
RESIDENT_AIM_MB = 90.0
EDGE = (sys.executable, "-m", "slipway.cli", "edge", "run", "--model", "activity")
BARE = (sys.executable, "-c", "import grpc, numpy, onnxruntime, tenacity, typer")


def run() -> list[dict]:
    """Seconds from process start to installed, and resident memory in MB (2**20 bytes)."""
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
        finally:
            server.stop()
    return [
        _record("edge_install_seconds", median(install), "s", median(bare)),
        _record("edge_resident_mb", resident_mb, "MB", RESIDENT_AIM_MB),
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
