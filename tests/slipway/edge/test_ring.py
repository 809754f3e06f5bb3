"""Windows on the disk: within limits, through kills and rot, each sent once."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.edge.ring import HOUR_S, LEAST_BYTES, WAITING_BYTES, WAITING_S, Ring
from slipway.edge.sharing import Keep
from slipway.spec import Channel, SensorSpec
from tests.slipway.edge.bundles import SENSOR


class Clock:
    """Seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def ring(folder: Path, keep: Keep | None = None, clock: Clock | None = None, sensor: SensorSpec = SENSOR) -> Ring:
    chance = random.Random(0)
    return Ring(folder / "windows.sqlite", sensor, keep or Keep(), random=chance.random, clock=clock or Clock())


def window(number: int) -> np.ndarray:
    return np.full(SENSOR.window_shape, number, np.float32)


def fill(ring: Ring, numbers: Iterator[int] | range) -> None:
    for number in numbers:
        ring.add(window(number))
    ring.flush()


def kept(ring: Ring) -> list[int]:
    return [int(each[0, 0]) for each in ring.read()]


def test_it_gives_back_what_came_in_its_order(tmp_path: Path) -> None:
    one = ring(tmp_path)
    values = np.random.default_rng(0).normal(size=(100, *SENSOR.window_shape)).astype(np.float32)
    for each in values:
        one.add(each)
    one.close()
    again = ring(tmp_path)
    np.testing.assert_array_equal(again.read(), values)
    np.testing.assert_array_equal(again.read(7), values[-7:])
    assert again.count() == again.unsent() == 100


def test_windows_are_written_by_the_batch_or_after_a_while(tmp_path: Path) -> None:
    clock, each_bytes = Clock(), 4 * 3 * 2
    one = ring(tmp_path, clock=clock)
    for number in range(WAITING_BYTES // each_bytes):
        one.add(window(number))
    assert one.count() == 0
    one.add(window(99))
    assert one.count() == WAITING_BYTES // each_bytes + 1
    one.add(window(100))
    clock.now += WAITING_S
    one.add(window(101))
    assert one.unsent() == WAITING_BYTES // each_bytes + 3


@given(limit=st.integers(1, 60), batches=st.lists(st.integers(1, 70), min_size=1, max_size=5), closes=st.booleans())
@settings(max_examples=8)
def test_the_newest_stay_within_the_count(tmp_path_factory: pytest.TempPathFactory, limit, batches, closes) -> None:
    folder, came = tmp_path_factory.mktemp("ring"), 0
    one = ring(folder, Keep(count=limit))
    for size in batches:
        fill(one, range(came, came + size))
        came += size
        if closes:
            one.close()
            one = ring(folder, Keep(count=limit))
    assert kept(one) == list(range(max(0, came - limit), came))


def test_the_file_stays_within_its_length(tmp_path: Path) -> None:
    sensor = SensorSpec((Channel("a", "1"),), 10.0, 500)  # 2,000 bytes a window
    one = ring(tmp_path, Keep(size_bytes=LEAST_BYTES), sensor=sensor)
    for number in range(600):
        one.add(np.full((500, 1), number, np.float32))
        assert one.size_bytes() <= LEAST_BYTES
    one.flush()
    found = one.read()[:, 0, 0]
    np.testing.assert_array_equal(found, np.arange(600 - len(found), 600))
    assert 64 <= len(found) < LEAST_BYTES // 2000
    one.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= LEAST_BYTES


def test_of_each_hour_every_window_has_the_same_chance(tmp_path: Path) -> None:
    clock = Clock()
    clock.now = 100.0 * HOUR_S
    one = ring(tmp_path, Keep(hourly=50), clock)
    for hour in range(4):
        for number in range(1000):
            clock.now = (100 + hour) * HOUR_S + 3.6 * number
            one.add(window(1000 * hour + number))
    one.flush()
    found = np.array(kept(one))
    assert [int((found // 1000 == hour).sum()) for hour in range(4)] == [50] * 4
    assert abs(float((found % 1000).mean()) - 500) < 60  # the newest 50 would be at 975, the first at 25


def test_a_parcel_stays_the_same_until_it_has_arrived(tmp_path: Path) -> None:
    one = ring(tmp_path, Keep(count=40))
    fill(one, range(30))
    parcel = one.parcel(20)
    assert parcel is not None and uuid.UUID(parcel.upload_id)
    fill(one, range(30, 200))  # all others are dropped meanwhile
    one.close()
    one = ring(tmp_path, Keep(count=40))
    again = one.parcel(5)
    assert again is not None and again.upload_id == parcel.upload_id
    np.testing.assert_array_equal(again.values, parcel.values)
    one.arrived(again)
    other = one.parcel(100)
    assert other is not None and other.upload_id != parcel.upload_id
    assert set(other.values[:, 0, 0]).isdisjoint(parcel.values[:, 0, 0])
    one.arrived(other)
    assert one.parcel(100) is None and one.unsent() == 0 and one.parcel(0) is None


def test_a_window_that_rots_is_left_out(tmp_path: Path) -> None:
    one = ring(tmp_path)
    fill(one, range(10))
    one.close()
    with sqlite3.connect(tmp_path / "windows.sqlite") as file:
        file.execute("UPDATE window SET samples = zeroblob(length(samples)) WHERE id = 4")
    one = ring(tmp_path)
    assert kept(one) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    parcel = one.parcel(100)
    assert parcel is not None and len(parcel.values) == 9 and one.count() == 9


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 500])
def test_a_file_that_cannot_be_read_is_set_aside(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "windows.sqlite"
    one = ring(tmp_path)
    fill(one, range(10))
    one.close()
    path.write_bytes(damage)
    again = ring(tmp_path)
    fill(again, range(3))
    assert kept(again) == [0, 1, 2]
    assert path.with_suffix(".damaged").exists() == bool(damage)


def test_another_sensor_begins_anew(tmp_path: Path) -> None:
    one = ring(tmp_path)
    fill(one, range(10))
    one.close()
    assert ring(tmp_path, sensor=SensorSpec((Channel("a", "1"),), 10.0, 5)).count() == 0


WRITER = """
import sys
from pathlib import Path
import numpy as np
from slipway.edge.ring import Ring
from slipway.edge.sharing import Keep
from slipway.spec import Channel, SensorSpec
sensor = SensorSpec((Channel("left", "m"), Channel("right", "m")), 10.0, 3)
one = Ring(Path(sys.argv[1]) / "windows.sqlite", sensor, Keep(), random=lambda: 0.5)
number = one.count()
while True:
    for number in range(number, number + 8):
        one.add(np.full((3, 2), number, np.float32))
    one.flush()
    number += 1
    print(number, flush=True)
"""


def test_a_killed_process_leaves_whole_windows(tmp_path: Path) -> None:
    before = 0
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(5)][-1]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        one = ring(tmp_path)
        found = kept(one)
        assert found == list(range(len(found))) and len(found) % 8 == 0
        assert len(found) >= told > before
        before = len(found)
        one.close()


def test_a_torn_journal_is_cut_where_it_is_whole(tmp_path: Path) -> None:
    """What a power cut may leave: the journal's end missing, at any byte."""
    one = ring(tmp_path)
    for batch in range(5):
        fill(one, range(8 * batch, 8 * batch + 8))
    names = [path for path in tmp_path.iterdir() if not path.name.endswith("-shm")]
    files = {path.name: path.read_bytes() for path in names}
    journal = files["windows.sqlite-wal"]
    assert len(journal) > 4096
    counts = []
    for number, length in enumerate(range(0, len(journal), len(journal) // 40)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "windows.sqlite").write_bytes(files["windows.sqlite"])
        (folder / "windows.sqlite-wal").write_bytes(journal[:length] + b"\x5a" * 100)
        cut = ring(folder)
        found = kept(cut)
        assert found == list(range(len(found))) and len(found) % 8 == 0
        counts.append(len(found))
        cut.close()
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] >= 32


def test_the_checksum_is_of_the_samples(tmp_path: Path) -> None:
    one = ring(tmp_path)
    fill(one, range(1))
    one.close()
    with sqlite3.connect(tmp_path / "windows.sqlite") as file:
        ((crc, samples),) = file.execute("SELECT crc, samples FROM window").fetchall()
    assert crc == zlib.crc32(samples) and samples == window(0).astype("<f4").tobytes()
