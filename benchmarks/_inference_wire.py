"""A connection on which many calls of one method are under way, spoken by hand: gRPC over HTTP/2 as a load needs it.

A client of gRPC's own takes as much processor time as the server that it asks. This one writes prepared bytes and reads
frames; of what comes it keeps the messages, and of headers only that they end a call. What the server has to do is what
any client lets it do: header fields are sent once and then by their number in the table, as clients do, and the windows
of flow control are kept. RFC 9113 (frames), RFC 7541 (headers).
"""

import socket
import struct
from collections import deque
from collections.abc import Iterator

from benchmarks._watcher_wire import ACK, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, RESET, SETTINGS, frame

GOAWAY, WINDOW_UPDATE = 7, 8
INITIAL_WINDOW = 4  # a setting
FRAME_BYTES = 16_384
FIRST_WINDOW, LARGEST_WINDOW = 65_535, 2**31 - 1
HEAD = struct.Struct(">HBBBI")  # of a frame: length in 16 + 8 bits, kind, flags, stream
POST, HTTP = b"\x83", b"\x86"  # fields 3 and 6 of the table that everybody has
AGAIN = POST + HTTP + b"\xc1\xc0\xbf\xbe"  # what ``first_headers`` has put into the table, the newest under 62


def first_headers(method: str, authority: str) -> bytes:
    """The header block of the first call, of which both sides remember the fields; later calls send ``AGAIN``."""
    fields = ((b"\x44", method), (b"\x41", authority), (b"\x5f", "application/grpc"))  # path, authority, content-type
    known = b"".join(name + bytes([len(value)]) + value.encode() for name, value in fields)
    return POST + HTTP + known + b"\x40\x02te\x08trailers"


class Wire:
    """A connection that asks one method.

    Args:
        address: ``host:port``.
        method: ``"/package.Service/Method"``.
    """

    def __init__(self, address: str, method: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = first_headers(method, address)
        self._read = b""
        self._out: list[bytes] = []
        self._stream = -1
        self._room, self._stream_room = FIRST_WINDOW, FIRST_WINDOW  # bytes that we may send
        self._used: dict[int, int] = {}  # bytes sent on streams under way, less what was given back
        self._unsent: deque[tuple[int, bytes]] = deque()
        self._messages: dict[int, bytes] = {}
        opening = struct.pack(">I", LARGEST_WINDOW - FIRST_WINDOW)
        self._out += [PREFACE, frame(SETTINGS, 0, 0), frame(WINDOW_UPDATE, 0, 0, opening)]

    def ask(self, body: bytes) -> int:
        """Prepare a call with a message that ``framed`` made; return its number. ``answers`` sends it."""
        self._stream += 2
        self._out.append(HEAD.pack(0, len(self._headers), HEADERS, END_HEADERS, self._stream) + self._headers)
        self._headers = AGAIN
        self._used[self._stream] = 0
        self._unsent.append((self._stream, body))
        return self._stream

    def answers(self) -> Iterator[tuple[int, bytes]]:
        """Send what may be sent, wait for something, and yield number and message of the calls that have ended.

        Raises:
            ConnectionError: a call was refused, or the connection ended.
        """
        self._send()
        came = self._socket.recv(1 << 18)
        if not came:
            raise ConnectionError
        read, at = self._read + came, 0
        while len(read) - at >= 9:
            high, low, kind, flags, stream = HEAD.unpack_from(read, at)
            end = at + 9 + (high << 8 | low)
            if len(read) < end:
                break
            if kind == DATA:
                self._messages[stream] = self._messages.get(stream, b"") + read[at + 9 : end]
            elif kind == HEADERS:
                if flags & END_STREAM:
                    yield stream, self._ended(stream)
            else:
                self._told(kind, flags, stream, read[at + 9 : end])
            at = end
        self._read = read[at:]

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _ended(self, stream: int) -> bytes:
        del self._used[stream]
        message = self._messages.pop(stream, None)
        if message is None:
            raise ConnectionError(f"call {stream} was refused")
        return message[5:]

    def _told(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == WINDOW_UPDATE:
            count = int.from_bytes(payload, "big")
            if stream == 0:
                self._room += count
            elif stream in self._used:
                self._used[stream] -= count
        elif kind in (SETTINGS, PING) and not flags & ACK:
            if kind == SETTINGS:
                settings = dict(struct.iter_unpack(">HI", payload))
                self._stream_room = settings.get(INITIAL_WINDOW, self._stream_room)
            self._out.append(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind in (RESET, GOAWAY):
            raise ConnectionError(f"the server ended call {stream}")

    def _send(self) -> None:
        while self._unsent:
            stream, rest = self._unsent[0]
            size = min(len(rest), FRAME_BYTES, self._room, self._stream_room - self._used[stream])
            if size <= 0:
                break
            last = size == len(rest)
            self._out += [HEAD.pack(size >> 8, size & 255, DATA, END_STREAM if last else 0, stream), rest[:size]]
            self._room -= size
            self._used[stream] += size
            if last:
                self._unsent.popleft()
            else:
                self._unsent[0] = stream, rest[size:]
        if self._out:
            self._socket.sendall(b"".join(self._out))
            self._out.clear()


def framed(message: bytes) -> bytes:
    """A message as gRPC puts it into DATA: not compressed, with its length."""
    return b"\0" + struct.pack(">I", len(message)) + message
