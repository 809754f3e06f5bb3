"""10,000 devices watch one server: its memory, how soon a move reaches all, and how soon all are back after a kill.

The server is the real one in a process of its own; the devices are two load generators, with a connection for each
device. All share this machine's cores, so that every time here is an upper bound. After each hint every device asks at
once what its channel points at, as real ones do, and the times hold that work too.
"""

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from sqlalchemy import distinct, func, select

from benchmarks.int8 import _record
from service.blobs import Blobs, open_blobs
from service.catalogue.engine import Catalogue, database_url
from service.catalogue.tables import reports
from slipway.v1 import models_pb2
from tests.service.inference.bundles import bundle, dense, publish, task_of
from tests.service.process import TIMEOUT, ServerProcess

COUNT = int(os.environ.get("SLIPWAY_BENCH_WATCHERS", "10000"))
PROCESSES = 2
MOVES = 3
LIMIT_SECONDS = 180.0
SPARE_FILES = 200  # of a process, beside its connections
MEMORY_AIM_MIB, EVENT_AIM_SECONDS, RECONNECT_AIM_SECONDS = 500.0, 1.5, 60.0
VERSIONS = ("models/rover/versions/1", "models/rover/versions/2")


def run() -> list[dict]:
    """Memory, the events of a few moves, one kill."""
    _allow_files(COUNT + SPARE_FILES)
    with tempfile.TemporaryDirectory() as name, _serving(Path(name) / "data") as (server, catalogue):
        alone = _resident_mib(server)
        with Fleet.of(server.address, COUNT) as fleet:
            fleet.heard(1)
            memory = _resident_mib(server)
            delays = np.concatenate([_moved(server, fleet, serial) for serial in range(2, 2 + MOVES)])
            back, attempts = _killed(server, fleet)
        lost = COUNT - catalogue.read(_reporting_count)
    if lost:
        raise RuntimeError(f"{lost} of {COUNT} reports are lost")
    p50, p99 = np.percentile(delays, (50, 99))
    return [
        _record(f"watchers_{COUNT}_mib", memory, "MiB resident", MEMORY_AIM_MIB),
        _record("watcher_kib", (memory - alone) * 1024 / COUNT, "KiB a watcher", MEMORY_AIM_MIB * 1024 / COUNT),
        _record("watch_event_p50_seconds", p50, "s", EVENT_AIM_SECONDS),
        _record("watch_event_p99_seconds", p99, "s", EVENT_AIM_SECONDS),
        _record("watch_event_all_seconds", delays.max(), "s", EVENT_AIM_SECONDS),
        _record(f"reconnect_{COUNT}_seconds", back, "s", RECONNECT_AIM_SECONDS),
        _record("reconnect_attempts", attempts / COUNT, "of a device", 1.0),
    ]


class Fleet:
    """The load generators, asked together."""

    def __init__(self, processes: "Sequence[subprocess.Popen[str]]") -> None:
        self._processes = processes

    @classmethod
    @contextmanager
    def of(cls, address: str, count: int) -> Iterator["Fleet"]:
        """``count`` devices in a few processes, which end with the block."""
        parts = [range(count)[n::PROCESSES] for n in range(PROCESSES)]
        firsts = np.cumsum([0, *map(len, parts)])
        with ExitStack() as stack:
            started = [_load(address, first, len(part)) for first, part in zip(firsts, parts, strict=False)]
            for process in started:
                stack.enter_context(process)
                stack.callback(process.kill)
            yield cls(started)

    def heard(self, serial: int) -> list[float]:
        """When each device had the hint."""
        return [at for answer in self._ask(f"heard {serial}") for at in answer["times"]]

    def pend(self, version: str) -> None:
        """Give each device a report that it delivers once its line has broken."""
        self._ask(f"pend {version}")

    def back(self) -> tuple[list[float], int]:
        """When each device watched again with its report delivered, and attempts to deliver in all."""
        answers = self._ask("back")
        return [at for answer in answers for at in answer["times"]], sum(each["attempts"] for each in answers)

    def _ask(self, line: str) -> list[dict[str, Any]]:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(line + "\n")
            process.stdin.flush()
        return [_answer(process) for process in self._processes]


def _load(address: str, first: int, count: int) -> "subprocess.Popen[str]":
    options = ["--first", str(first), "--count", str(count), "--seconds", str(LIMIT_SECONDS)]
    command = [sys.executable, "-m", "benchmarks._watcher_load", address, *options]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _answer(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a load generator ended, or waited too long")
    return dict(json.loads(line))


@contextmanager
def _serving(data: Path) -> Iterator[tuple[ServerProcess, Catalogue]]:
    """A server on a port that it keeps over a kill, with a channel that can move between two versions."""
    server = ServerProcess(data, address=f"127.0.0.1:{_free_port()}").start()
    try:
        catalogue = Catalogue(database_url("", data))
        _publish(catalogue, open_blobs("", data))
        yield server, catalogue
        catalogue.close()
    finally:
        server.kill()


def _publish(catalogue: Catalogue, blobs: Blobs) -> None:
    task = task_of("rover")
    for seed, channel in ((1, "stable"), (2, "")):
        publish(catalogue, blobs, bundle(dense(task, seed), task), task, channel)


def _free_port() -> int:
    """A port below those that the system gives to clients: one of 10,000 that knock might else be given this one."""
    for port in range(20_000, 32_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise RuntimeError("no port is free")


def _moved(server: ServerProcess, fleet: Fleet, serial: int) -> "np.ndarray[Any, Any]":
    """Seconds from the call that moves the channel until each device has the hint."""
    channel = models_pb2.ModelChannel(name="models/rover/channels/stable", version=VERSIONS[(serial + 1) % 2])
    models, start = server.models, time.monotonic()
    models.UpdateChannel(models_pb2.UpdateChannelRequest(channel=channel), timeout=TIMEOUT)
    return np.array(fleet.heard(serial)) - start


def _killed(server: ServerProcess, fleet: Fleet) -> tuple[float, int]:
    """Seconds from kill -9 until the last device is back with its report delivered, and attempts to deliver."""
    fleet.pend(VERSIONS[0])
    start = time.monotonic()
    server.restart()
    times, attempts = fleet.back()
    return max(times) - start, attempts


def _reporting_count(connection: Any) -> int:
    return int(connection.scalar(select(func.count(distinct(reports.c.device_id)))))


def _resident_mib(server: ServerProcess) -> float:
    assert server.process is not None
    return float(psutil.Process(server.process.pid).memory_info().rss) / (1 << 20)


def _allow_files(count: int) -> None:
    """Let this process and its children open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise SystemExit(f"{count} open files are needed, the hard limit is {hard}: ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
