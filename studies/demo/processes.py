"""The processes of the story: a server, an edge node, and an eye on how much memory all of them use."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil

SCRIPTS = Path(sys.executable).parent
SAMPLE_S = 0.2


@contextmanager
def server(folder: Path, log: IO[bytes]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A ``slipway-server`` on a free loopback port.

    Yields:
        Its address, and its process, so that the story can kill it.
    """
    command = [SCRIPTS / "slipway-server", "serve", "--data", folder, "--listen", "127.0.0.1:0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start; see {log.name}")
        yield json.loads(line)["address"], process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def edge(
    address: str, folder: Path, log: IO[bytes], model: str = "rover", options: Sequence[str] = ()
) -> Iterator["Edge"]:
    """A ``slipway edge run`` that answers the windows it is given."""
    place = ["--server", address, "--model", model, "--folder", folder]
    command = [SCRIPTS / "slipway", "edge", "run", *place, *options, "--input", "-"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    try:
        yield Edge(process)
    finally:
        process.terminate()
        process.wait()


class Edge:
    """Windows in, answers out."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def answer(self, windows: np.ndarray) -> list[dict[str, Any]]:
        """The node's answers to windows (count, time, channels), in order."""
        return [self._ask(window) for window in windows]

    def _ask(self, window: np.ndarray) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps(window.tolist()).encode() + b"\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise RuntimeError("the edge node stopped answering")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def memory_watch() -> Iterator[list[int]]:
    """Keep the peak of the resident memory of this process and all its children in the list's one element, in bytes."""
    peak, done = [0], threading.Event()

    def sample() -> None:
        while not done.wait(SAMPLE_S):
            peak[0] = max(peak[0], resident_bytes(psutil.Process()))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def resident_bytes(process: psutil.Process) -> int:
    """Resident memory of a process and its children; one that ends meanwhile counts nothing."""
    total = 0
    for member in (process, *process.children(recursive=True)):
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
