"""The HTTP door costs what its limits say, whatever a client sends or does not send."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.trust.http import File, Limits, listen

DATA = bytes(range(256)) * 40
SMALL = Limits(connection_count=3, head_bytes=1024, head_s=0.3, stall_s=0.3, request_count=4)
HUGE = 64 << 20
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


async def find(path: str) -> File | None:
    if path == "huge":
        return File(HUGE, lambda start, end: endless(), lasting=True)
    return File(len(DATA), cut, lasting=False) if path == "file" else None


async def cut(start: int, end: int) -> AsyncIterator[bytes]:
    yield DATA[start:end]


async def endless() -> AsyncIterator[bytes]:
    for _ in range(HUGE >> 20):
        yield bytes(1 << 20)


def talked(talk: Callable[[int], Awaitable[Any]], limits: Limits = SMALL) -> Any:
    """What comes of talking to a door; the port is given."""

    async def run() -> Any:
        server = await listen("127.0.0.1", 0, find, limits)
        try:
            return await asyncio.wait_for(talk(server.sockets[0].getsockname()[1]), 20)
        finally:
            server.close()

    return asyncio.run(run())


def said(data: bytes, limits: Limits = SMALL) -> bytes:
    """All that comes back before the door closes the connection."""

    async def talk(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    return bytes(talked(talk, limits))


def get(path: str = "/file", *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: door", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def test_a_file_and_what_is_none() -> None:
    answer = said(get())
    assert (status(answer), body(answer)) == (200, DATA) and b"Content-Length: 10240" in answer
    answer = said(get(method="HEAD"))
    assert (status(answer), body(answer)) == (200, b"") and b"Content-Length: 10240" in answer
    assert status(said(get("/other"))) == 404
    assert status(said(get("/file?query=1"))) == 200


def test_several_requests_on_one_connection_and_then_no_more() -> None:
    again = b"GET /file HTTP/1.1\r\nHost: door\r\n\r\n"
    assert said(again * 9).count(b"HTTP/1.1 200") == SMALL.request_count


@settings(max_examples=20, deadline=None)
@given(st.integers(0, len(DATA) + 9), st.integers(0, len(DATA) + 9) | st.none())
def test_a_range_is_a_slice(first: int, last: int | None) -> None:
    answer = said(get("/file", f"Range: bytes={first}-{'' if last is None else last}"))
    expected = DATA[first : None if last is None else last + 1]
    if expected:
        end = first + len(expected) - 1
        assert status(answer) == 206 and f"bytes {first}-{end}/{len(DATA)}".encode() in answer
        assert body(answer) == expected
    else:
        assert status(answer) == 416 and f"bytes */{len(DATA)}".encode() in answer and not body(answer)


@pytest.mark.parametrize("text", ["bytes=-5", "bytes=1-2,4-5", "bytes=x-", "lines=1-2", "bytes=" + "9" * 40 + "-"])
def test_a_range_that_is_not_understood_is_overlooked(text: str) -> None:
    assert body(said(get("/file", f"Range: {text}"))) == DATA


REFUSED = {
    "a long head": (get("/file", "X: " + "x" * 4000), 431),
    "a long target": (get("/" + "x" * 4000), 431),
    "a body": (get("/file", "Content-Length: 5") + b"hello", 413),
    "chunks": (get("/file", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n", 413),
    "another method": (get(method="DELETE"), 405),
    "no HTTP": (b"\x16\x03\x01 hello\r\n\r\n", 400),
    "two lengths": (get("/file", "Content-Length: 0", "Content-Length: 5"), 400),
    "no host": (b"GET /file HTTP/1.1\r\n\r\n", 400),
}


@pytest.mark.parametrize(("data", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_request_for_a_file(data: bytes, expected: int) -> None:
    assert status(said(data)) == expected


def test_a_client_that_sends_its_head_slowly_is_left() -> None:
    sent: list[int] = []

    async def talk(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = asyncio.ensure_future(reader.read())
        for byte in get():
            if answer.done():
                break
            sent.append(byte)
            writer.write(bytes([byte]))
            await asyncio.wait({answer}, timeout=0.02)
        try:
            return await answer
        except ConnectionResetError:
            return b""

    assert talked(talk) == b"" and len(sent) < len(get())


def test_a_client_that_takes_nothing_is_left() -> None:
    async def talk(port: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(get("/huge"))
        came = 0
        await asyncio.sleep(3 * SMALL.stall_s)
        try:
            while data := await reader.read(1 << 20):
                came += len(data)
        except ConnectionResetError:
            pass
        writer.close()
        return came

    assert 0 < talked(talk) < HUGE


def test_more_connections_than_allowed_are_closed_and_others_answered() -> None:
    async def talk(port: int) -> tuple[bytes, bytes]:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SMALL.connection_count)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get())
        try:
            over = await reader.read()
        except ConnectionResetError:
            over = b""
        for _, each in idle:  # the places are free again
            each.close()
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(get())
                if answer := await reader.read():
                    return over, answer
            except ConnectionResetError:
                continue

    over, answer = talked(talk, Limits(connection_count=3, head_s=9))
    assert over == b"" and status(answer) == 200
