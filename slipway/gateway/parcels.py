"""What leaves for the server: moments under one request's id until they are taken, windows under one upload's."""

import sqlite3
import uuid
from dataclasses import dataclass

import numpy as np

from slipway.client.uploads import Parcel
from slipway.client.values import Dataset
from slipway.gateway import datasets
from slipway.statistics import ChannelStatistics
from slipway.windows import Answers, unanswered

PARCEL_WINDOWS = 4096
PARCEL_BYTES = 32 << 20


@dataclass(frozen=True)
class Moments:
    """Merged statistics on their way to the server's dataset ``upstream_id``."""

    upstream_id: str
    request_id: str
    statistics: ChannelStatistics


def seal(connection: sqlite3.Connection) -> list[Moments]:
    """What is to be sent now. What has been sent before and was not answered comes first, and goes unchanged."""
    waiting = "SELECT upstream_id, statistics FROM tallies WHERE upstream_id NOT IN (SELECT upstream_id FROM letters)"
    for upstream_id, text in connection.execute(waiting).fetchall():
        connection.execute("INSERT INTO letters VALUES (?,?,?)", (upstream_id, str(uuid.uuid4()), text))
        connection.execute("DELETE FROM tallies WHERE upstream_id = ?", (upstream_id,))
    rows = connection.execute("SELECT upstream_id, request_id, statistics FROM letters ORDER BY upstream_id")
    return [Moments(row[0], row[1], found) for row in rows if (found := datasets.read(row[2])) is not None]


def sent(connection: sqlite3.Connection, moments: Moments) -> None:
    """The server has them, or will never take them."""
    connection.execute("DELETE FROM letters WHERE request_id = ?", (moments.request_id,))


def waiting(connection: sqlite3.Connection) -> list[str]:
    """The server's datasets for which windows wait."""
    rows = connection.execute("SELECT DISTINCT upstream_id FROM windows WHERE upload_id IS NULL ORDER BY upstream_id")
    return [str(row[0]) for row in rows]


def pack(connection: sqlite3.Connection, upstream_id: str, dataset: Dataset) -> Parcel:
    """The next windows for ``upstream_id``, the same ones under the same id until ``unpack``; empty if none wait."""
    query = "SELECT parcel_id, count(*) FROM windows WHERE upstream_id = ? AND parcel_id IS NOT NULL GROUP BY parcel_id"
    row = connection.execute(query, (upstream_id,)).fetchone()
    if row is None:
        _mark(connection, upstream_id, dataset)
        row = connection.execute(query, (upstream_id,)).fetchone()
    parcel_id = row[0] if row else ""
    query = "SELECT content, answer FROM windows WHERE parcel_id = ? ORDER BY id"
    rows = connection.execute(query, (parcel_id,)).fetchall()
    shape = dataset.sensor.window_shape
    values = np.frombuffer(b"".join(row[0] for row in rows), "<f4").reshape(-1, *shape)
    return Parcel(f"datasets/{upstream_id}", parcel_id, dataset.sensor, values, _answers(rows, dataset))


def unpack(connection: sqlite3.Connection, parcel: Parcel) -> None:
    """The server has the windows, or will never take them."""
    connection.execute("DELETE FROM windows WHERE parcel_id = ?", (parcel.upload_id,))


def _mark(connection: sqlite3.Connection, upstream_id: str, dataset: Dataset) -> None:
    """Choose windows that fit into one upload: of a regression all with targets, or all without."""
    size = 4 * int(np.prod(dataset.sensor.window_shape))
    count = max(1, min(PARCEL_WINDOWS, PARCEL_BYTES // size))
    query = "SELECT id, answer FROM windows WHERE upstream_id = ? AND upload_id IS NULL ORDER BY id LIMIT ?"
    rows = connection.execute(query, (upstream_id, count)).fetchall()
    if dataset.outputs:
        rows = [row for row in rows if bool(row[1]) == bool(rows[0][1])]
    if rows:
        parcel_id = str(uuid.uuid4())
        marks = [(parcel_id, row[0]) for row in rows]
        connection.executemany("UPDATE windows SET parcel_id = ? WHERE id = ?", marks)


def _answers(rows: list[tuple[bytes, bytes]], dataset: Dataset) -> Answers | None:
    """Labels (count,), targets (count, outputs), or None where nobody said anything."""
    if not rows or not any(row[1] for row in rows):
        return None
    if dataset.outputs:
        return np.frombuffer(b"".join(row[1] for row in rows), "<f4").reshape(len(rows), -1)
    nobody = unanswered(1, 0).astype("<i4").tobytes()
    return np.frombuffer(b"".join(row[1] or nobody for row in rows), "<i4").astype(np.int32)
