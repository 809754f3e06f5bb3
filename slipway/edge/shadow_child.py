"""The process in which a candidate runs: windows come in over a socket, logits go out. It may crash: nobody waits.

Every message is ``HEADER`` (kind, seconds, length) and so many bytes. It yields to the agent where processor or memory
are short, and ends with it.
"""

import ctypes
import json
import os
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

from slipway.edge.memory import be_lean

HEADER = struct.Struct("<BdI")
READY, REFUSED, WINDOW, ANSWER, FAILED = range(5)
LENGTH_LIMIT = 64 << 20
PR_SET_PDEATHSIG = 1  # prctl(2)
NICE = 10


def main(handle: int, folder: str, version: str, sha256: str) -> None:
    """Prove the bundle and answer windows until the other side is gone."""
    _yield_to_others()
    be_lean()  # before the next lines load NumPy
    import numpy as np

    from slipway.edge.live import load
    from slipway.edge.state import Installed
    from slipway.edge.store import Store
    from slipway.errors import Refused

    line = socket.socket(fileno=handle)
    try:
        live = load(Store(Path(folder)), Installed(version, sha256, 0))
    except Refused as refusal:
        words = {"reason": refusal.reason, "field": refusal.field, "details": refusal.details}
        send(line, REFUSED, 0.0, json.dumps(words).encode())
        return
    shape = live.runtime.task.sensor.window_shape
    send(line, READY, 0.0, b"")
    while True:
        _, _, data = receive(line)
        start = time.thread_time()
        try:
            logits = live.runtime.logits(np.frombuffer(data, "<f4").reshape(1, *shape))[0]
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            send(line, FAILED, 0.0, f"{type(error).__name__}: {error}".encode()[:500])
        else:
            send(line, ANSWER, time.thread_time() - start, logits.astype("<f4").tobytes())


def send(line: socket.socket, kind: int, seconds: float, data: bytes) -> None:
    """Write one message."""
    line.sendall(HEADER.pack(kind, seconds, len(data)) + data)


def receive(line: socket.socket) -> tuple[int, float, bytes]:
    """Read one message: kind, seconds, data.

    Raises:
        EOFError: the other side is gone, or what it says is no message.
        TimeoutError: the socket's time was over.
    """
    kind, seconds, length = HEADER.unpack(_exactly(line, HEADER.size))
    if length > LENGTH_LIMIT:
        raise EOFError
    return kind, seconds, _exactly(line, length)


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
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    with suppress(EOFError, OSError):
        main(int(sys.argv[1]), *sys.argv[2:])
