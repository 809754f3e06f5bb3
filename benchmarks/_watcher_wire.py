"""One device's connection, spoken by hand: gRPC over HTTP/2 as far as a device that watches needs it.

A client of gRPC's own costs the load generator more than it costs the server to answer. This one sends headers as
literals and reads frames and no headers: a call has worked if a message came. Windows of flow control are never
renewed: the 64 KiB that a connection begins with are enough for a run. RFC 9113 (frames), RFC 7541 (headers).
"""

import asyncio
import struct
from collections.abc import Callable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
WATCH_STREAM = 1


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def headers(method: str, authority: str) -> bytes:
    """The header block of a call, without a reference to any table."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": method,
        ":authority": authority,
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields.items()
    )


class Wire(asyncio.Protocol):
    """A connection that watches on its first stream and asks on the others, one at a time.

    Args:
        hint: called with each message of the watch.
        broken: called once the connection or the watch has ended.
    """

    def __init__(self, watch: bytes, hint: Callable[[bytes], None], broken: Callable[[], None]) -> None:
        self._watch = watch
        self._hint = hint
        self._broken = broken
        self._read = b""
        self._stream = WATCH_STREAM
        self._asked: dict[int, asyncio.Future[bytes]] = {}
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch at once."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(PREFACE + frame(SETTINGS, 0, 0) + self._watch)

    @property
    def closed(self) -> bool:
        """Whether the connection has gone."""
        return self._transport is None

    async def ask(self, header: bytes, message: bytes) -> bytes:
        """The answer to one call.

        Raises:
            ConnectionError: there is none.
        """
        if self._transport is None:
            raise ConnectionError
        self._stream += 2
        told = self._asked[self._stream] = asyncio.get_running_loop().create_future()
        self._transport.write(call(self._stream, header, message))
        answer: bytes = await told
        return answer

    def data_received(self, data: bytes) -> None:
        """Take whole frames off what came."""
        read, at = self._read + data, 0
        while len(read) - at >= 9:
            length = int.from_bytes(read[at : at + 3], "big")
            if len(read) - at < 9 + length:
                break
            kind, flags, stream = struct.unpack(">BBI", read[at + 3 : at + 9])
            self._frame(kind, flags, stream, read[at + 9 : at + 9 + length])
            at += 9 + length
        self._read = read[at:]

    def connection_lost(self, _error: Exception | None) -> None:
        """Nobody answers any more."""
        self._transport = None
        for told in self._asked.values():
            if not told.done():
                told.set_exception(ConnectionError())
        self._asked.clear()
        self._broken()

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        assert self._transport is not None
        if kind == DATA and stream == WATCH_STREAM:
            self._hint(payload[5:])
        elif kind == DATA and stream in self._asked and not self._asked[stream].done():
            self._asked.pop(stream).set_result(payload[5:])
        elif kind in (SETTINGS, PING) and not flags & ACK:
            self._transport.write(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind == GOAWAY or (_ends(kind, flags) and stream == WATCH_STREAM):
            self._transport.abort()
        elif _ends(kind, flags) and stream in self._asked:  # it was refused: no message came before
            told = self._asked.pop(stream)
            if not told.done():
                told.set_exception(ConnectionError())


def _ends(kind: int, flags: int) -> bool:
    """Whether a frame ends its stream."""
    return kind == RESET or (kind == HEADERS and bool(flags & END_STREAM))


def call(stream: int, header: bytes, message: bytes) -> bytes:
    """The frames of one call with one request."""
    body = b"\0" + struct.pack(">I", len(message)) + message
    return frame(HEADERS, END_HEADERS, stream, header) + frame(DATA, END_STREAM, stream, body)
