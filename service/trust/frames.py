"""Messages between two processes over a pipe: four bytes of length, then JSON; both ends have a limit."""

import json
import os
import select
import struct
import time
from typing import Any

LIMIT_BYTES = 8 << 20  # a role's metadata is at most 2 MiB
_LENGTH = struct.Struct(">I")


class Ended(Exception):
    """The other side has gone, is silent for too long, or says what makes no sense."""


def send(descriptor: int, message: dict[str, Any], wait_s: float | None = None) -> None:
    """Write a message.

    Raises:
        Ended: nobody reads, or not within ``wait_s`` between two pieces.
    """
    data = json.dumps(message).encode()
    if len(data) > LIMIT_BYTES:
        raise Ended(f"a message of {len(data)} bytes; {LIMIT_BYTES} are allowed")
    view = memoryview(_LENGTH.pack(len(data)) + data)
    while view:
        if not select.select([], [descriptor], [], wait_s)[1]:
            raise Ended("it does not read")
        try:
            view = view[os.write(descriptor, view[: select.PIPE_BUF]) :]  # so much fits whenever a pipe takes anything
        except OSError as error:
            raise Ended(str(error)) from error


def receive(descriptor: int, wait_s: float | None = None) -> dict[str, Any]:
    """Read a message.

    Args:
        wait_s: for the whole of it; None: as long as it takes.

    Raises:
        Ended: it did not come.
    """
    end = None if wait_s is None else time.monotonic() + wait_s
    (length,) = _LENGTH.unpack(_exactly(descriptor, _LENGTH.size, end))
    if length > LIMIT_BYTES:
        raise Ended(f"a message of {length} bytes; {LIMIT_BYTES} are allowed")
    try:
        found = json.loads(_exactly(descriptor, length, end))
    except (ValueError, RecursionError) as error:
        raise Ended("what came is no JSON") from error
    if not isinstance(found, dict):
        raise Ended("what came is no object")
    return found


def _exactly(descriptor: int, size_bytes: int, end: float | None) -> bytes:
    data = bytearray()
    while len(data) < size_bytes:
        left = None if end is None else max(0.0, end - time.monotonic())
        if not select.select([descriptor], [], [], left)[0]:
            raise Ended("no answer in time")
        piece = os.read(descriptor, min(1 << 20, size_bytes - len(data)))
        if not piece:
            raise Ended("it has ended")
        data += piece
    return bytes(data)
