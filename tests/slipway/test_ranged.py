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


@given(at=st.integers(0, len(DATA) - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_is_noticed(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    part = tmp_path_factory.mktemp("ranged") / "part"
    part.write_bytes(DATA[:at] + bytes([DATA[at] ^ 1 << bit]))
    with pytest.raises(Refused) as refusal:
        fetch(part)
    assert refusal.value.reason is Reason.BUNDLE_HASH_MISMATCH
    assert not part.exists()
    fetch(part)
    assert part.read_bytes() == DATA


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
