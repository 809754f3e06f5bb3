"""A file that is replaced is the old one or the new one after a power cut, and the new one once that was said."""

import random
from pathlib import Path

import pytest

from slipway.durable import replace_file
from tests.slipway.edge import crashes

OLD, NEW = b"old " * 50, b"new " * 60
CUTS = 100


@pytest.fixture(autouse=True)
def imagined_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


def left(tmp_path: Path, *, at_the_end: bool) -> set[bytes]:
    """What is there after power cuts, while it is replaced or right after."""
    folder, draw = tmp_path / "folder", random.Random(0)
    folder.mkdir()
    (folder / "state.json").write_bytes(OLD)
    (folder / "state.new").write_bytes(b"what an earlier crash left")
    with crashes.recorded(folder) as recording:
        replace_file(folder / "state.json", NEW)
    found = set()
    for point in range(CUTS):
        count = len(recording.changes) if at_the_end else draw.randint(0, len(recording.changes))
        crashes.cut(recording, count, draw, tmp_path / f"cut-{point}")
        found.add((tmp_path / f"cut-{point}" / "state.json").read_bytes())
    return found


def test_old_or_new_is_there_after_a_power_cut(tmp_path: Path) -> None:
    assert left(tmp_path, at_the_end=False) == {OLD, NEW}


def test_what_was_replaced_is_on_the_disk(tmp_path: Path) -> None:
    assert left(tmp_path, at_the_end=True) == {NEW}


def test_a_secret_is_its_owners_alone_whatever_was_left_there(tmp_path: Path) -> None:
    (tmp_path / "key.new").write_bytes(b"others may read this")
    replace_file(tmp_path / "key.pem", b"secret", mode=0o600)
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key.pem"]
