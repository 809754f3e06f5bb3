"""What a gateway must not forget: one SQLite file. What a call was told is on the disk when the call is answered."""

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Concatenate, ParamSpec, TypeVar

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 TEXT UNIQUE NOT NULL, device_id TEXT NOT NULL,
    report BLOB NOT NULL, signature BLOB NOT NULL, taken_us INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS reports_of_device ON reports (device_id);
CREATE INDEX IF NOT EXISTS reports_in_turn ON reports (attempts, id);
CREATE TABLE IF NOT EXISTS offers (
    model TEXT NOT NULL, channel TEXT NOT NULL, device_id TEXT NOT NULL, answer BLOB NOT NULL,
    taken_us INTEGER NOT NULL, PRIMARY KEY (model, channel, device_id));
CREATE TABLE IF NOT EXISTS files (
    name TEXT PRIMARY KEY, content BLOB, size_bytes INTEGER NOT NULL, asked_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS datasets (
    id TEXT PRIMARY KEY, upstream_id TEXT NOT NULL, message BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, dataset_id TEXT NOT NULL, window_count INTEGER NOT NULL, committed_count INTEGER NOT NULL,
    statistics TEXT, changed_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS windows (
    id INTEGER PRIMARY KEY AUTOINCREMENT, upstream_id TEXT NOT NULL, sha256 BLOB NOT NULL, content BLOB NOT NULL,
    answer BLOB NOT NULL, upload_id TEXT, parcel_id TEXT);
CREATE INDEX IF NOT EXISTS windows_of_upload ON windows (upload_id);
CREATE TABLE IF NOT EXISTS known (
    id INTEGER PRIMARY KEY AUTOINCREMENT, upstream_id TEXT NOT NULL, sha256 BLOB NOT NULL,
    UNIQUE (upstream_id, sha256));
CREATE TABLE IF NOT EXISTS tallies (upstream_id TEXT PRIMARY KEY, statistics TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS letters (
    upstream_id TEXT PRIMARY KEY, request_id TEXT NOT NULL, statistics TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS requests (id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, taken_us INTEGER NOT NULL);
"""

P = ParamSpec("P")
T = TypeVar("T")


class Ledger:
    """Runs plain functions of a connection, each in a transaction, one at a time."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        try:
            self._connection = _open(path)
        except sqlite3.DatabaseError as error:
            log.error("%s cannot be read and is set aside: %s", path, error)
            for end in ("-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)
            os.replace(path, path.with_suffix(".damaged"))
            self._connection = _open(path)

    def run(self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return ``query(connection, *args, **kwargs)`` and keep what it changed, or nothing if it raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                found = query(self._connection, *args, **kwargs)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            return found

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30.0)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(SCHEMA)
    return connection
