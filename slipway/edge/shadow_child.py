"""The process in which a candidate runs: windows come in over a socket, logits go out. It may crash: nobody waits.

The version that answers runs here too, so that both are timed in the same circumstances: in the agent its caches are
warm while many windows come, and the same graph would seem three times as slow here.

Every message is ``HEADER`` (kind, seconds of the candidate, seconds of the other, length) and so many bytes. The
process yields to the agent where processor or memory are short, rests between two windows, and ends with it.
"""

import ctypes
import itertools
import json
import os
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.edge.memory import be_lean

if TYPE_CHECKING:
    from slipway.bundle.runtime import Runtime
    from slipway.windows import Values

HEADER = struct.Struct("<BddI")
READY, REFUSED, WINDOW, ANSWER, FAILED = range(5)
LENGTH_LIMIT = 64 << 20
PR_SET_PDEATHSIG = 1  # prctl(2)
NICE = 10
WARM_S = 1e-3  # at least one run
REST = 3.0  # times as long as it computed: a quarter of one core at most
REST_LIMIT_S = 1.0


def main(handle: int, folder: str, version: str, sha256: str, other: str, other_sha256: str) -> None:
    """Prove the bundle and answer windows until the other side is gone; ``other`` is what is timed beside it."""
    _yield_to_others()
    be_lean()  # before the next lines load NumPy
    import numpy as np

    from slipway.edge.live import load
    from slipway.edge.state import Installed
    from slipway.edge.store import Store
    from slipway.errors import Refused

    line = socket.socket(fileno=handle)
    store = Store(Path(folder))
    try:
        live = load(store, Installed(version, sha256, 0))
    except Refused as refusal:
        words = {"reason": refusal.reason, "field": refusal.field, "details": refusal.details}
        send(line, REFUSED, json.dumps(words).encode())
        return
    before = load(store, Installed(other, other_sha256, 0))
    shape = live.runtime.task.sensor.window_shape
    send(line, READY, b"")
    for number in itertools.count():
        window = np.frombuffer(receive(line)[-1], "<f4").reshape(1, *shape)
        start = time.thread_time()
        try:
            if number % 2:  # whoever is first after a rest takes longer: they take turns
                (logits, seconds), (_, seconds_before) = timed(live.runtime, window), timed(before.runtime, window)
            else:
                (_, seconds_before), (logits, seconds) = timed(before.runtime, window), timed(live.runtime, window)
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            send(line, FAILED, f"{type(error).__name__}: {error}".encode()[:500])
        else:
            send(line, ANSWER, logits[0].astype("<f4").tobytes(), seconds, seconds_before)
        time.sleep(min(REST_LIMIT_S, REST * (time.thread_time() - start)))


def timed(runtime: "Runtime", window: "Values") -> "tuple[Values, float]":
    """Logits of a window (1, time, channels), and seconds of computing, once caches and processor are warm."""
    start, begun = time.thread_time(), -1.0
    while begun < start + WARM_S:
        begun = time.thread_time()
        logits = runtime.logits(window)
    return logits, time.thread_time() - begun


def send(line: socket.socket, kind: int, data: bytes, seconds: float = 0.0, seconds_before: float = 0.0) -> None:
    """Write one message."""
    line.sendall(HEADER.pack(kind, seconds, seconds_before, len(data)) + data)


def receive(line: socket.socket) -> tuple[int, float, float, bytes]:
    """Read one message: kind, seconds of the candidate, seconds of the other, data.

    Raises:
        EOFError: the other side is gone, or what it says is no message.
        TimeoutError: the socket's time was over.
    """
    kind, seconds, seconds_before, length = HEADER.unpack(_exactly(line, HEADER.size))
    if length > LENGTH_LIMIT:
        raise EOFError
    return kind, seconds, seconds_before, _exactly(line, length)


def _exactly(line: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = line.recv(min(count - len(data), 1 << 20))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)


def _yield_to_others() -> None:
    """End with the agent, wait for it at the processor, and be the first to go where memory runs out."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        os.nice(NICE)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # takes the processor from nobody when it wakes
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    with suppress(EOFError, OSError):
        main(int(sys.argv[1]), *sys.argv[2:])
