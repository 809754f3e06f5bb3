"""A fetched file is the promised one or there is none, wherever the line breaks."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway import ranged
from slipway.errors import Reason, Refused

DATA = bytes(range(256)) * 20
SHA256 = hashlib.sha256(DATA).hexdigest()


class Broken(Exception):
    """The line broke."""


def pieces(offset: int, size: int = 100, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
    """``DATA`` from ``offset`` on in pieces; breaks at byte ``stop``."""
    end = len(DATA) if stop is None else stop
    for at in range(offset, end, size):
        yield at, DATA[at : min(end, at + size)]
    if stop is not None:
        raise Broken


def fetch(part: Path, source: ranged.Pieces = pieces) -> None:
    ranged.fetch(part, source, size_bytes=len(DATA), sha256=SHA256)


@given(breaks=st.lists(st.integers(0, len(DATA)), max_size=6), size=st.integers(1, 3000))
def test_a_download_goes_on_at_any_byte(tmp_path_factory: pytest.TempPathFactory, breaks: list[int], size: int) -> None:
    part = tmp_path_factory.mktemp("ranged") / "part"
    begun: list[int] = []
    for stop in sorted(breaks):
        if part.exists() and part.stat().st_size >= len(DATA):
            break
        with pytest.raises(Broken):
            fetch(part, lambda offset, stop=stop: begun.append(offset) or pieces(offset, size, stop))
    fetch(part, lambda offset: begun.append(offset) or pieces(offset, size))
    assert part.read_bytes() == DATA
    assert begun == sorted(begun)


def test_a_whole_part_is_verified_without_the_network(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(DATA)
    fetch(tmp_path / "part", lambda offset: pytest.fail("asked for more"))


def flipped(at: int, bit: int) -> bytes:
    """A part that ends with one wrong bit."""
    return DATA[:at] + bytes([DATA[at] ^ 1 << bit])


def torn(at: int, length: int) -> bytes:
    """A part that a power cut left as long as it was, full of zeros from ``at`` on."""
    return DATA[:at] + bytes(min(length, len(DATA) - at))


def without(at: int, length: int) -> bytes:
    """A part that lacks bytes in its midst."""
    return DATA[:at] + DATA[at + length :]


ANYWHERE = st.integers(0, len(DATA) - 1)
DAMAGED = st.one_of(
    st.builds(flipped, ANYWHERE, st.integers(0, 7)),
    st.builds(torn, ANYWHERE, st.integers(1, len(DATA))),
    st.builds(without, ANYWHERE, st.integers(1, 300)),
    st.binary(min_size=1, max_size=2 * len(DATA)),
)


@given(damaged=DAMAGED)
def test_a_damaged_part_is_fetched_afresh_at_once(tmp_path_factory: pytest.TempPathFactory, damaged: bytes) -> None:
    part, begun = tmp_path_factory.mktemp("ranged") / "part", list[int]()
    part.write_bytes(damaged)
    fetch(part, lambda offset: begun.append(offset) or pieces(offset))
    assert part.read_bytes() == DATA
    assert len(begun) <= 2
    assert damaged == DATA[: len(damaged)] or begun[-1] == 0


@given(at=ANYWHERE, stop=ANYWHERE)
def test_a_line_that_breaks_while_it_is_fetched_afresh_goes_on(
    tmp_path_factory: pytest.TempPathFactory, at: int, stop: int
) -> None:
    part = tmp_path_factory.mktemp("ranged") / "part"
    part.write_bytes(flipped(at, 0))
    with pytest.raises(Broken):
        fetch(part, lambda offset: pieces(offset, stop=None if offset else stop))
    assert part.read_bytes() == DATA[:stop], "what was damaged is gone, what came afresh stays"
    fetch(part)
    assert part.read_bytes() == DATA


@pytest.mark.parametrize("kept", [b"", DATA[:100]], ids=["nothing kept", "some kept"])
def test_a_server_that_sends_other_bytes_is_asked_no_more_than_twice(tmp_path: Path, kept: bytes) -> None:
    part, begun = tmp_path / "part", list[int]()
    part.write_bytes(kept)

    def lying(offset: int) -> Iterator[tuple[int, bytes]]:
        begun.append(offset)
        yield offset, bytes(len(DATA) - offset)

    with pytest.raises(Refused) as refusal:
        fetch(part, lying)
    assert refusal.value.reason is Reason.BUNDLE_HASH_MISMATCH
    assert begun == ([100, 0] if kept else [0])
    assert not part.exists()


def test_a_part_that_is_too_long_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(DATA + b"x")
    fetch(tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == DATA


@pytest.mark.parametrize(
    "source",
    [
        lambda offset: [(offset + 1, DATA)],
        lambda offset: [(0, DATA[:10]), (0, DATA)],
        lambda offset: [(0, DATA + b"more")],
        lambda offset: [(0, DATA[:-1])],
        lambda offset: [],
    ],
    ids=["out of place", "twice", "too much", "too little", "nothing"],
)
def test_a_server_that_cannot_count_is_refused(tmp_path: Path, source: ranged.Pieces) -> None:
    with pytest.raises(Refused) as refusal:
        fetch(tmp_path / "part", source)
    assert refusal.value.reason is Reason.DOWNLOAD_INVALID
