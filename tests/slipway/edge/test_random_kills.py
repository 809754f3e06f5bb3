"""kill -9 and power cuts at random points of all that changes a device's folder: old or new runs, never neither.

Each piece of work is done once and recorded; ``crashes`` then makes the disks that a crash may have left, by seed. Each
is started with the server away, and then updated. Syncs are recorded and not waited for: nothing here loses power.
"""

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from slipway import ranged
from slipway.edge.state import State, needed
from slipway.edge.state_file import to_bytes
from slipway.edge.store import Store
from slipway.errors import Refused
from tests.slipway.edge import crashes
from tests.slipway.edge.crash_lab import WORK, Lab, crash_everywhere, laboratory, record

POINTS = 60  # of each piece of work


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr("os.fsync", lambda _: None)
    with laboratory(tmp_path) as lab:
        yield lab


@pytest.mark.parametrize("name", WORK)
def test_old_or_new_runs_after_a_crash_at_random(lab: Lab, name: str) -> None:
    work = WORK[name]
    recording = record(lab, work)
    assert crash_everywhere(lab, work, recording, POINTS, seed=0) == work.allowed, "every outcome was seen"


def write_in_place(store: Store, state: State) -> None:
    with (store.folder / "state.json").open("wb") as file:
        file.write(to_bytes(state))
        file.flush()
        os.fsync(file.fileno())


def tidy_early(store: Store, state: State, *also: str) -> None:
    kept = also or needed(state)
    for path in (store.folder / "bundles").iterdir():
        if path.stem not in kept:
            path.unlink()


def sync_but(suffix: str, handle: int, fsync: Callable[[int], None]) -> None:
    if not os.readlink(f"/proc/self/fd/{handle}").endswith(suffix):
        fsync(handle)


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a download is admitted unsynced": lambda patch: patch.setattr(
        os, "fsync", partial(sync_but, ".part", fsync=os.fsync)
    ),
    "the state is put in place unsynced": lambda patch: patch.setattr(
        os, "fsync", partial(sync_but, ".new", fsync=os.fsync)
    ),
    "the state is written in place": lambda patch: patch.setattr(Store, "write", write_in_place),
    "the old bundle goes before the switch": lambda patch: patch.setattr(Store, "tidy", tidy_early),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(lab: Lab, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = WORK["second"]
    folder = lab.work / "device"
    folder.mkdir()
    work.before(lab, folder)
    with crashes.recorded(folder) as recording, monkeypatch.context() as planted:
        FAULTS[fault](planted)
        work.do(lab, folder)
    with pytest.raises((AssertionError, Refused)):
        crash_everywhere(lab, work, recording, 4 * POINTS, seed=0)


def test_a_download_goes_on_at_any_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    data = random.Random(0).randbytes(257)
    promised = {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def pieces(offset: int) -> Iterator[tuple[int, bytes]]:
        for at in range(offset, len(data), 50):
            yield at, data[at : at + 50]

    for count in range(len(data) + 1):
        part = tmp_path / f"{count}.part"
        part.write_bytes(data[:count])
        ranged.fetch(part, pieces, **promised)
        assert part.read_bytes() == data
        part.write_bytes(data[:count] + bytes(len(data) - count))  # long enough, but not all of it came to the disk
        ranged.fetch(part, pieces, **promised)
        assert part.read_bytes() == data
