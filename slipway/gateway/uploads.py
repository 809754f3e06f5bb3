"""Uploads of devices: windows are drawn as they come, and go on once all of an upload is here."""

import sqlite3
from dataclasses import dataclass

from slipway import statistics
from slipway.errors import Reason, Refused
from slipway.gateway import datasets
from slipway.gateway.policy import DAY_US, Limits, full
from slipway.statistics import ChannelStatistics

UPLOAD_MEMORY_US = 7 * DAY_US  # an upload is known for a week
KNOWN_LIMIT = 1_000_000  # hashes of windows that came before


@dataclass(frozen=True)
class Upload:
    """How far an upload of a device has come."""

    id: str
    dataset_id: str
    window_count: int
    committed_count: int
    statistics: ChannelStatistics | None

    @property
    def complete(self) -> bool:
        """Whether all windows are here."""
        return self.committed_count == self.window_count


@dataclass(frozen=True)
class Drawn:
    """A window that goes on: its hash, its bytes, its answer's bytes."""

    sha256: bytes
    content: bytes
    answer: bytes


def open_upload(connection: sqlite3.Connection, upload: Upload, limits: Limits, room_bytes: int, now_us: int) -> Upload:
    """Begin an upload, or return how far it has come.

    Args:
        room_bytes: what its windows may need at most.

    Raises:
        Refused: GATEWAY_FULL, or FIELD_INVALID where it was begun otherwise.
    """
    found = upload_of(connection, upload.id)
    if found is not None:
        if (found.dataset_id, found.window_count) != (upload.dataset_id, upload.window_count):
            words = {"problem": "was begun with other windows", "found": upload.id}
            remedy = "Choose a new UUID for each upload."
            raise Refused(Reason.FIELD_INVALID, field="header.upload_id", **words, remedy=remedy)
        return found
    old = "SELECT id FROM uploads WHERE changed_us < ?"
    lost = f"SELECT upstream_id, sha256 FROM windows WHERE upload_id IN ({old})"
    connection.execute(f"DELETE FROM known WHERE (upstream_id, sha256) IN ({lost})", (now_us - UPLOAD_MEMORY_US,))
    connection.execute(f"DELETE FROM windows WHERE upload_id IN ({old})", (now_us - UPLOAD_MEMORY_US,))
    connection.execute("DELETE FROM uploads WHERE changed_us < ?", (now_us - UPLOAD_MEMORY_US,))
    count = "SELECT count(*) FROM uploads WHERE committed_count < window_count"
    if connection.execute(count).fetchone()[0] >= limits.upload_count:
        raise full("header.upload_id", "uploads", limits.upload_count)
    _need_room(connection, "header.window_count", room_bytes, limits)
    row = (upload.id, upload.dataset_id, upload.window_count, 0, None, now_us)
    connection.execute("INSERT INTO uploads VALUES (?,?,?,?,?,?)", row)
    return upload


def upload_of(connection: sqlite3.Connection, upload_id: str) -> Upload | None:
    """One upload."""
    query = "SELECT id, dataset_id, window_count, committed_count, statistics FROM uploads WHERE id = ?"
    row = connection.execute(query, (upload_id,)).fetchone()
    return None if row is None else Upload(row[0], row[1], row[2], row[3], datasets.read(row[4]))


def append(
    connection: sqlite3.Connection,
    upload_id: str,
    offset: int,
    count: int,
    drawn: list[Drawn],
    moments: ChannelStatistics | None,
    limits: Limits,
    now_us: int,
) -> Upload:
    """Take in the next ``count`` windows of an upload; with the last one what was kept of it may go on.

    Args:
        drawn: those of them that go on.
        moments: of all of them, where only moments go on.

    Raises:
        Refused: UPLOAD_OFFSET_MISMATCH, GATEWAY_FULL, or LIMIT_EXCEEDED where more come than were announced.
    """
    before = upload_of(connection, upload_id)
    if before is None or offset != before.committed_count:
        expected = before.committed_count if before else 0
        raise Refused(Reason.UPLOAD_OFFSET_MISMATCH, field="batch.offset", found=offset, expected=expected)
    if offset + count > before.window_count:
        raise Refused(
            Reason.LIMIT_EXCEEDED, field="batch", found=f"{offset + count} windows", limit=before.window_count
        )
    both = moments if before.statistics is None else before.statistics
    if before.statistics is not None and moments is not None:
        both = statistics.merge(before.statistics, moments)
    update = "UPDATE uploads SET committed_count = ?, statistics = ?, changed_us = ? WHERE id = ?"
    connection.execute(update, (offset + count, datasets.text(both), now_us, upload_id))
    _need_room(connection, "batch", sum(len(each.content) for each in drawn), limits)
    _keep(connection, datasets.upstream_id(connection, before.dataset_id), upload_id, drawn)
    if offset + count == before.window_count:
        _complete(connection, before, both)
    found = upload_of(connection, upload_id)
    assert found is not None
    return found


def _need_room(connection: sqlite3.Connection, field: str, more_bytes: int, limits: Limits) -> None:
    held = connection.execute("SELECT coalesce(sum(length(content)), 0) FROM windows").fetchone()[0]
    if held + more_bytes > limits.window_bytes:
        raise full(field, "bytes of windows", limits.window_bytes)


def _keep(connection: sqlite3.Connection, upstream_id: str, upload_id: str, drawn: list[Drawn]) -> None:
    for each in drawn:
        new = connection.execute("INSERT OR IGNORE INTO known VALUES (NULL,?,?)", (upstream_id, each.sha256)).rowcount
        if new:
            row = (upstream_id, each.sha256, each.content, each.answer, upload_id)
            insert = "INSERT INTO windows (upstream_id, sha256, content, answer, upload_id) VALUES (?,?,?,?,?)"
            connection.execute(insert, row)
    newest = "SELECT max(id) FROM known"
    connection.execute(f"DELETE FROM known WHERE id <= ({newest}) - ?", (KNOWN_LIMIT,))


def _complete(connection: sqlite3.Connection, upload: Upload, moments: ChannelStatistics | None) -> None:
    connection.execute("UPDATE windows SET upload_id = NULL WHERE upload_id = ?", (upload.id,))
    datasets.count_windows(connection, upload.dataset_id, upload.window_count)
    if moments is not None:
        datasets.merge(connection, upload.dataset_id, moments)
