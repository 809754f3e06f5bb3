"""Windows on disk, within limits: the newest, or a fair sample of each hour; each goes to a server once at most.

A SQLite file is the store: a write that breaks off is as if it had never begun, limits are rows and pages, and the mark
that a window was sent changes together with what it belongs to. Only rot of the medium is left to be found, by a
CRC-32 of each window.

Windows wait in memory until 10 s have passed or 256 KiB have come (an eighth of a small file): one write then, in a
journal (WAL) that is synced when it is folded into the file, every 1 MiB; a flash is written two to four times over.
A killed process loses what waits; a power cut also what the journal holds and the system had not yet written by itself
(30 s, mostly). Neither leaves half a window.
"""

import json
import sqlite3
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slipway.edge.ring_file import PAGE_BYTES, opened
from slipway.edge.ring_limits import chosen, drop_over, make_room, shorten
from slipway.edge.sharing import Keep
from slipway.spec import SensorSpec, sensor_to_json
from slipway.windows import Values

WAITING_BYTES, WAITING_S = 1 << 18, 10.0
LEAST_BYTES = 64 * PAGE_BYTES  # of the file: SQLite's own pages, and room to move
HOUR_S = 3600


@dataclass(frozen=True, eq=False)
class Parcel:
    """Windows on their way: the same ones, in the same order, until they have arrived."""

    upload_id: str
    values: Values


class Ring:
    """The windows of one device. One process writes; its threads may share it. Every method may raise OSError.

    Args:
        path: of the file; made if missing, set aside as ``.damaged`` if it cannot be read.
        sensor: what windows are; those of another one are dropped.
        keep: how much.
        random: numbers from 0 to 1.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        path: Path,
        sensor: SensorSpec,
        keep: Keep,
        *,
        random: Callable[[], float],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path, self.keep, self._shape = path, keep, sensor.window_shape
        self._random, self._clock = random, clock
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, bytes]] = []
        self._written = clock()
        with _disk():
            self._file = opened(path, json.dumps(sensor_to_json(sensor)))
        self._pages = max(LEAST_BYTES, keep.size_bytes) // PAGE_BYTES
        self._waiting_bytes = min(WAITING_BYTES, self._pages * PAGE_BYTES // 8)

    def add(self, window: Values) -> None:
        """Take in one window (time, channels); it is written with the first that comes 10 s later, or after 256 KiB.

        Raises:
            OSError: the disk is full or failing; what waited is lost, what was stored is not.
        """
        now = self._clock()
        with self._alone():
            self._waiting.append((int(now), np.ascontiguousarray(window, "<f4").tobytes()))
            size_bytes = len(self._waiting) * len(self._waiting[0][1])
            if size_bytes >= self._waiting_bytes or not 0 <= now - self._written < WAITING_S:
                self._write(now)

    def flush(self) -> None:
        """Write what waits."""
        with self._alone():
            self._write(self._clock())

    def count(self) -> int:
        """Windows on the disk."""
        return self._ask("SELECT count(*) FROM window")

    def unsent(self) -> int:
        """Windows on the disk that no server has."""
        return self._ask("SELECT count(*) FROM window WHERE sent = 0")

    def size_bytes(self) -> int:
        """Length of the file, without its journal."""
        return self._ask("PRAGMA page_count") * PAGE_BYTES

    def read(self, limit: int = -1) -> Values:
        """The newest ``limit`` windows (count, time, channels), or all, oldest first. Rotten ones are left out."""
        with self._alone():
            query = "SELECT id, crc, samples FROM window ORDER BY id DESC LIMIT ?"
            return self._arrays(self._file.execute(query, (limit,)).fetchall()[::-1])

    def on_its_way(self) -> bool:
        """Whether a parcel was opened and has not arrived."""
        return bool(self._ask("SELECT EXISTS (SELECT 1 FROM window WHERE parcel IS NOT NULL)"))

    def parcel(self, limit: int, since_s: float = 0.0) -> Parcel | None:
        """What is to be sent: the parcel that is on its way, else the oldest ``limit`` unsent windows; None if none.

        Args:
            since_s: windows that came before are left where they are, in seconds since 1970.

        A parcel that was opened stays the same through kills and power cuts, and the ring drops none of it.
        """
        with self._alone():
            self._write(self._clock())
            row = self._file.execute("SELECT parcel FROM window WHERE parcel IS NOT NULL LIMIT 1").fetchone()
            upload_id = row[0] if row else str(uuid.uuid4())
            if row is None and limit > 0:
                self._rotten()
                with self._file:
                    self._file.execute(
                        "UPDATE window SET parcel = ? WHERE id IN"
                        " (SELECT id FROM window WHERE sent = 0 AND second >= ? ORDER BY id LIMIT ?)",
                        (upload_id, int(since_s), limit),
                    )
                self._synced()  # before the server hears of it
            query = "SELECT id, crc, samples FROM window WHERE parcel = ? ORDER BY id"
            values = self._arrays(self._file.execute(query, (upload_id,)).fetchall())
        return Parcel(upload_id, values) if len(values) else None

    def arrived(self, parcel: Parcel) -> None:
        """The server has all of ``parcel``, or refuses it for good: its windows are not offered again."""
        with self._alone(), self._file:
            self._file.execute("UPDATE window SET sent = 1, parcel = NULL WHERE parcel = ?", (parcel.upload_id,))

    def close(self) -> None:
        """Write what waits, and close the file."""
        with self._alone():
            self._write(self._clock())
            self._synced()
            self._file.close()

    def _write(self, now: float) -> None:
        waiting, self._waiting, self._written = self._waiting, [], now
        if not waiting:
            return
        with self._file:
            make_room(self._file, [len(samples) for _, samples in waiting], self._pages)
            for second, samples in waiting:
                if chosen(self._file, second // HOUR_S, self.keep.hourly, self._random):
                    row = (second, zlib.crc32(samples), samples)
                    self._file.execute("INSERT INTO window (second, crc, samples) VALUES (?, ?, ?)", row)
            drop_over(self._file, self.keep.count)
        shorten(self._file, self._pages)

    def _arrays(self, rows: list[tuple[int, int, bytes]]) -> Values:
        sound = [samples for _, crc, samples in rows if zlib.crc32(samples) == crc]
        return np.frombuffer(b"".join(sound), "<f4").reshape(-1, *self._shape).astype(np.float32)

    def _rotten(self) -> None:
        """Remove unsent windows that are no longer what was stored, so that a parcel stays what it was."""
        rows = self._file.execute("SELECT id, crc, samples FROM window WHERE sent = 0")
        rotten = [(key,) for key, crc, samples in rows if zlib.crc32(samples) != crc]
        with self._file:
            self._file.executemany("DELETE FROM window WHERE id = ?", rotten)

    def _synced(self) -> None:
        self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock, _disk():
            yield

    def _ask(self, query: str) -> int:
        with self._alone():
            return int(self._file.execute(query).fetchone()[0])


@contextmanager
def _disk() -> Iterator[None]:
    """SQLite's errors are the disk's to whoever keeps windows."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(str(error)) from error
