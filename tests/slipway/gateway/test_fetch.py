"""A gateway's download is the target or there is none, and no device reads a byte that a power cut has spoiled."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.errors import Reason, Refused
from slipway.gateway.fetch import fetch
from slipway.transport import ServerRefused
from tests.slipway.edge import crashes

DATA = random.Random(0).randbytes(5000)
SHA256 = hashlib.sha256(DATA).hexdigest()
LIMIT = 2 * len(DATA)
CUTS = 200


class Broken(Exception):
    """The line broke."""


class Server:
    """Sends ``data``; ``asked`` are the offsets, ``sent_bytes`` is what it cost. Breaks off at byte ``stop``."""

    def __init__(self, data: bytes = DATA, *, stop: int | None = None) -> None:
        self.data, self.stop = data, stop
        self.asked: list[int] = []
        self.sent_bytes = 0

    def pieces(self, sha256: str, offset: int) -> Iterator[tuple[int, bytes]]:
        self.asked.append(offset)
        if offset > len(self.data):
            raise ServerRefused("OUT_OF_RANGE", "READ_OUTSIDE_FILE", "The file is shorter.")
        end = len(self.data) if self.stop is None else self.stop
        for at in range(offset, end, 700):
            piece = self.data[at : min(end, at + 700)]
            self.sent_bytes += len(piece)
            yield at, piece
        if self.stop is not None:
            raise Broken


def fetched(part: Path, server: Server) -> None:
    """Fetch it with a device that reads along: whatever it is told of must be right."""

    def tell(have: int) -> None:
        assert part.read_bytes()[:have] == DATA[:have], "a device reads this"

    fetch(part, server.pieces, sha256=SHA256, limit_bytes=LIMIT, tell=tell)
    assert part.read_bytes() == DATA


def flipped(at: int, bit: int) -> bytes:
    """A part that ends with one wrong bit."""
    return DATA[:at] + bytes([DATA[at] ^ 1 << bit])


def zero_tail(at: int, length: int) -> bytes:
    """A part that is as long as it was before the power cut, full of zeros from ``at`` on."""
    return DATA[:at] + bytes(min(length, len(DATA) - at))


def torn(at: int, length: int, end: int) -> bytes:
    """A part with zeros in its midst."""
    return (DATA[:at] + bytes(length) + DATA[at + length :])[: max(end, at + length)]


ANYWHERE = st.integers(0, len(DATA) - 1)
SPOILED = st.one_of(
    st.builds(flipped, ANYWHERE, st.integers(0, 7)),
    st.builds(zero_tail, ANYWHERE, st.integers(1, len(DATA))),
    st.builds(torn, ANYWHERE, st.integers(1, 300), ANYWHERE),
    st.binary(min_size=1, max_size=LIMIT + 100),
)


@given(breaks=st.lists(ANYWHERE, max_size=6))
def test_a_download_goes_on_at_any_byte(tmp_path_factory: pytest.TempPathFactory, breaks: list[int]) -> None:
    part, cost = tmp_path_factory.mktemp("fetch") / "part", 0
    for stop in sorted(breaks):
        server = Server(stop=stop)
        with pytest.raises(Broken):
            fetched(part, server)
        cost += server.sent_bytes
    server = Server()
    fetched(part, server)
    assert server.asked == [max(breaks, default=0)]
    assert cost + server.sent_bytes == len(DATA), "no byte came twice"


@given(spoiled=SPOILED)
def test_a_spoiled_part_is_fetched_afresh_at_once(tmp_path_factory: pytest.TempPathFactory, spoiled: bytes) -> None:
    part, server = tmp_path_factory.mktemp("fetch") / "part", Server()
    part.write_bytes(spoiled)
    fetched(part, server)
    assert server.asked in ([len(spoiled)], [len(spoiled), 0])
    assert spoiled == DATA[: len(spoiled)] or server.asked[-1] == 0


@given(spoiled=SPOILED.filter(lambda spoiled: spoiled != DATA[: len(spoiled)]), stop=ANYWHERE)
def test_a_line_that_breaks_while_it_is_fetched_afresh_goes_on(
    tmp_path_factory: pytest.TempPathFactory, spoiled: bytes, stop: int
) -> None:
    part, server = tmp_path_factory.mktemp("fetch") / "part", Server()
    part.write_bytes(spoiled)

    def breaking(sha256: str, offset: int) -> Iterator[tuple[int, bytes]]:
        return Server(stop=None if offset else stop).pieces(sha256, offset)

    with pytest.raises(Broken):
        fetch(part, breaking, sha256=SHA256, limit_bytes=LIMIT, tell=lambda have: None)
    assert (part.read_bytes() if part.exists() else b"") == DATA[:stop], "what was spoiled is gone, what came stays"
    fetched(part, server)
    assert server.asked == [stop]


def test_a_part_that_is_whole_needs_no_server(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(DATA)
    server = Server()
    fetched(tmp_path / "part", server)
    assert server.asked == []


@pytest.mark.parametrize("kept", [b"", DATA[:100], DATA[:-1], b"\0" * 100], ids=["nothing", "some", "most", "zeros"])
@pytest.mark.parametrize(
    "lie, reason",
    [
        (DATA[:-1] + b"\0", Reason.BUNDLE_HASH_MISMATCH),
        (DATA[:-1], Reason.BUNDLE_HASH_MISMATCH),
        (DATA + b"more", Reason.BUNDLE_HASH_MISMATCH),
        (bytes(LIMIT * 3), Reason.LIMIT_EXCEEDED),
    ],
    ids=["other bytes", "too few", "too many", "without end"],
)
def test_a_server_that_lies_is_refused_after_one_more_download(
    tmp_path: Path, kept: bytes, lie: bytes, reason: Reason
) -> None:
    part, server = tmp_path / "part", Server(lie)
    part.write_bytes(kept)
    with pytest.raises(Refused) as refusal:
        fetch(part, server.pieces, sha256=SHA256, limit_bytes=LIMIT, tell=lambda have: None)
    assert refusal.value.reason is reason
    assert server.asked == ([len(kept), 0] if kept else [0])
    assert server.sent_bytes <= 2 * (LIMIT + 700), "what it says without end is not listened to"
    assert not part.exists()


@pytest.mark.parametrize("code, stays", [("NOT_FOUND", False), ("PERMISSION_DENIED", True)])
def test_a_server_that_says_no_is_asked_no_more_than_twice(tmp_path: Path, code: str, stays: bool) -> None:
    part, asked = tmp_path / "part", list[int]()
    part.write_bytes(DATA[:100])

    def refusing(sha256: str, offset: int) -> Iterator[tuple[int, bytes]]:
        asked.append(offset)
        raise ServerRefused(code, "", "No.")

    with pytest.raises(ServerRefused):
        fetch(part, refusing, sha256=SHA256, limit_bytes=LIMIT, tell=lambda have: None)
    assert len(asked) <= 2
    assert part.exists() == stays


def test_power_cuts_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after another: while it first comes, while it goes on, while what was spoiled comes afresh."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    draw, afresh = random.Random(0), 0
    folder = tmp_path / "0"
    folder.mkdir()
    for number in range(1, CUTS):
        server = Server(stop=draw.choice([None, draw.randrange(len(DATA))]))
        with crashes.recorded(folder) as recording, suppress(Broken):
            fetched(folder / "part", server)
        afresh += 0 in server.asked[1:]
        folder = tmp_path / str(number)
        crashes.cut(recording, draw.randint(0, len(recording.changes)), draw, folder)
        if (folder / "part").exists() and (folder / "part").read_bytes() == DATA:
            (folder / "part").unlink()  # the next one
    assert afresh > CUTS // 10, "cuts do spoil parts"


@pytest.mark.parametrize("kept", [b"", DATA[:100], bytes(100)], ids=["nothing", "some", "zeros"])
def test_what_was_fetched_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bytes) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    folder, draw = tmp_path / "folder", random.Random(0)
    folder.mkdir()
    (folder / "part").write_bytes(kept)
    with crashes.recorded(folder) as recording:
        fetched(folder / "part", Server())
    for point in range(20):
        crashes.cut(recording, len(recording.changes), draw, tmp_path / f"cut-{point}")
        assert (tmp_path / f"cut-{point}" / "part").read_bytes() == DATA
