"""Content-addressed files."""

import hashlib
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from service.blobs import Blobs, open_blobs
from slipway.errors import Reason, Refused

CONTENT = bytes(range(256)) * 41


@pytest.fixture(params=["folder", "object store"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return open_blobs("", tmp_path) if request.param == "folder" else Blobs(MemoryStore(), tmp_path / "cache")


def test_what_was_put_comes_back_under_its_hash(either: Blobs) -> None:
    sha256 = either.put(CONTENT)
    assert sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert either.put(CONTENT) == sha256
    assert either.get(sha256) == CONTENT
    assert either.path(sha256).read_bytes() == CONTENT


def test_a_file_is_kept_and_can_be_deleted(either: Blobs, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    either.put_file(tmp_path / "file", sha256)
    assert either.get(sha256) == CONTENT
    either.delete(sha256)
    assert not either.exists(sha256)
    either.delete(sha256)


@pytest.mark.parametrize(("start", "end"), [(0, len(CONTENT)), (0, 1), (1000, 9000), (10_495, 10_496), (5, 5)])
async def test_any_range_is_read_in_pieces_that_say_where_they_belong(either: Blobs, start: int, end: int) -> None:
    sha256 = either.put(CONTENT)
    pieces = [piece async for piece in either.read(sha256, start, end, 1000)]
    assert b"".join(data for _, data in pieces) == CONTENT[start:end]
    assert all(CONTENT[offset : offset + len(data)] == data for offset, data in pieces)
    assert all(0 < len(data) <= 1000 for _, data in pieces)


def test_a_damaged_file_is_never_handed_out(tmp_path: Path) -> None:
    blobs = open_blobs("", tmp_path)
    sha256 = blobs.put(CONTENT)
    path = blobs.path(sha256)
    path.write_bytes(CONTENT[:-1] + b"\0")
    for read in (blobs.get, blobs.path):
        with pytest.raises(Refused) as caught:
            read(sha256)
        assert caught.value.reason == Reason.STORED_FILE_DAMAGED


async def test_a_missing_file_is_said_to_be_missing(either: Blobs) -> None:
    sha256 = "0" * 64
    for read in (either.get, either.path):
        with pytest.raises(Refused):
            read(sha256)
    with pytest.raises(Refused):
        [piece async for piece in either.read(sha256, 0, 10, 10)]
