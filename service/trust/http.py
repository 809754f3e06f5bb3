"""Plain HTTP/1.1 for files (RFC 9110, 9112) with a limit on everything that a client may cost. GET and HEAD, one range.

h11 reads and writes the protocol; here are the sockets, the clocks and the counts.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import h11

log = logging.getLogger(__name__)
RANGE = re.compile(rb"bytes=([0-9]{1,18})-([0-9]{1,18})?")
Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Limits:
    """What one client, and all together, may cost."""

    connection_count: int = 256
    head_bytes: int = 16 << 10
    head_s: float = 10.0  # from the first look at a connection to the whole head of a request
    stall_s: float = 30.0  # a client that takes nothing for so long is left
    request_count: int = 1000  # on one connection


@dataclass(frozen=True)
class File:
    """A file to send.

    Args:
        size_bytes: its length.
        pieces: gives its bytes from the first position to before the second.
        lasting: whether it never changes under its name.
    """

    size_bytes: int
    pieces: Callable[[int, int], AsyncIterator[bytes]]
    lasting: bool


Find = Callable[[str], Awaitable[File | None]]  # by the path as it stands in the request, without the first slash


async def listen(host: str, port: int, find: Find, limits: Limits) -> asyncio.Server:
    """Begin to serve. Connections over the limit are closed at once.

    Raises:
        OSError: the address cannot be used.
    """
    here: set[asyncio.StreamWriter] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(here) >= limits.connection_count:
            writer.transport.abort()
            return
        here.add(writer)
        try:
            await _converse(reader, writer, find, limits)
        except (OSError, TimeoutError, h11.ProtocolError):
            writer.transport.abort()
        except Exception as error:
            log.error("cannot answer: %s", type(error).__name__)
            writer.transport.abort()
        finally:
            here.discard(writer)
            writer.close()
            with suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), limits.stall_s)

    return await asyncio.start_server(meet, host, port, limit=limits.head_bytes)


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, find: Find, limits: Limits) -> None:
    line = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
    for _ in range(limits.request_count):
        try:
            request = await asyncio.wait_for(_request(line, reader, limits), limits.head_s)
        except h11.RemoteProtocolError as error:
            if line.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                await _send(writer, line, limits, _head(error.error_status_hint, [("Connection", "close")]))
                await _send(writer, line, limits, h11.EndOfMessage())
            return
        if request is None:
            return
        await _answer(line, writer, request, find, limits)
        if line.our_state is not h11.DONE or line.their_state is not h11.DONE:
            return
        line.start_next_cycle()


async def _request(line: h11.Connection, reader: asyncio.StreamReader, limits: Limits) -> h11.Request | None:
    """The next request, without a body: nobody may send one here. None where the client is done."""
    request: h11.Request | None = None
    while True:
        event = line.next_event()
        if event is h11.NEED_DATA:
            line.receive_data(await reader.read(limits.head_bytes))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.EndOfMessage):
            return request
        elif isinstance(event, h11.Data):
            raise h11.RemoteProtocolError("a body", error_status_hint=413)
        else:
            return None


async def _answer(
    line: h11.Connection, writer: asyncio.StreamWriter, request: h11.Request, find: Find, limits: Limits
) -> None:
    if request.method not in (b"GET", b"HEAD"):
        await _short(line, writer, limits, 405, [("Allow", "GET, HEAD")])
        return
    file = await find(request.target.partition(b"?")[0].decode("ascii", "replace").lstrip("/"))
    if file is None:
        await _short(line, writer, limits, 404, [])
        return
    asked = dict(request.headers).get(b"range")
    start, end, status, headers = _part(file, asked)
    if status == 416:
        await _short(line, writer, limits, status, headers)
        return
    age = "public, max-age=31536000, immutable" if file.lasting else "no-cache"
    headers += [("Accept-Ranges", "bytes"), ("Cache-Control", age), ("Content-Type", "application/octet-stream")]
    await _send(writer, line, limits, _head(status, [*headers, ("Content-Length", str(end - start))]))
    if request.method == b"GET":
        async for piece in file.pieces(start, end):
            await _send(writer, line, limits, h11.Data(data=piece))
    await _send(writer, line, limits, h11.EndOfMessage())


def _part(file: File, asked: bytes | None) -> tuple[int, int, int, Headers]:
    """(first byte, end, status, headers). A Range that is not understood is overlooked (RFC 9110, 14.2)."""
    found = RANGE.fullmatch(asked or b"")
    if found is None:
        return 0, file.size_bytes, 200, []
    start = int(found[1])
    end = file.size_bytes if found[2] is None else min(file.size_bytes, int(found[2]) + 1)
    if start >= file.size_bytes or end <= start:
        return 0, 0, 416, [("Content-Range", f"bytes */{file.size_bytes}")]
    return start, end, 206, [("Content-Range", f"bytes {start}-{end - 1}/{file.size_bytes}")]


async def _short(
    line: h11.Connection, writer: asyncio.StreamWriter, limits: Limits, status: int, headers: Sequence[tuple[str, str]]
) -> None:
    await _send(writer, line, limits, _head(status, [*headers, ("Content-Length", "0")]))
    await _send(writer, line, limits, h11.EndOfMessage())


def _head(status: int, headers: Headers) -> h11.Response:
    return h11.Response(status_code=status, headers=[("X-Content-Type-Options", "nosniff"), *headers])


async def _send(writer: asyncio.StreamWriter, line: h11.Connection, limits: Limits, event: h11.Event) -> None:
    writer.write(line.send(event) or b"")
    await asyncio.wait_for(writer.drain(), limits.stall_s)
