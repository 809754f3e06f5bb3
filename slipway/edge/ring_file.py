"""The SQLite file of a ring: its tables, its settings, and what happens to one that cannot be read."""

import sqlite3
from pathlib import Path

FORMAT = 2
PAGE_BYTES = 4096
JOURNAL_PAGES = 256

_TABLES = """
CREATE TABLE window (id INTEGER PRIMARY KEY, second INTEGER NOT NULL, sent INTEGER NOT NULL DEFAULT 0,
                     parcel TEXT, crc INTEGER NOT NULL, samples BLOB NOT NULL);
CREATE INDEX window_parcel ON window (parcel) WHERE parcel IS NOT NULL;
CREATE TABLE seen (hour INTEGER PRIMARY KEY, count INTEGER NOT NULL);
CREATE TABLE sensor (json TEXT NOT NULL);
"""


def opened(path: Path, sensor: str) -> sqlite3.Connection:
    """The file for windows of ``sensor`` (JSON), made if missing. One that cannot be read is set aside as ``.damaged``.

    Raises:
        sqlite3.Error: the disk is full or failing.
    """
    try:
        return _connected(path, sensor)
    except sqlite3.DatabaseError:
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.replace(path.with_suffix(".damaged"))
        return _connected(path, sensor)


def _connected(path: Path, sensor: str) -> sqlite3.Connection:
    file = sqlite3.connect(path, check_same_thread=False)
    try:
        file.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        file.execute("PRAGMA auto_vacuum = INCREMENTAL")
        file.execute("PRAGMA journal_mode = WAL").fetchall()
        file.execute("PRAGMA synchronous = NORMAL")
        file.execute("PRAGMA secure_delete = OFF").fetchall()  # zeros would be written over each window that goes
        file.execute(f"PRAGMA wal_autocheckpoint = {JOURNAL_PAGES}").fetchall()
        file.execute(f"PRAGMA journal_size_limit = {JOURNAL_PAGES * PAGE_BYTES}").fetchall()
        (version,) = file.execute("PRAGMA user_version").fetchone()
        known = file.execute("SELECT * FROM sensor").fetchall() if version == FORMAT else None
        if known != [(sensor,)]:
            _remade(file, sensor)
        return file
    except sqlite3.DatabaseError:
        file.close()
        raise


def _remade(file: sqlite3.Connection, sensor: str) -> None:
    """Empty tables for windows of ``sensor``."""
    file.execute("BEGIN IMMEDIATE")
    with file:
        for name in ("window", "seen", "sensor"):
            file.execute(f"DROP TABLE IF EXISTS {name}")
        for statement in filter(str.strip, _TABLES.split(";")):
            file.execute(statement)
        file.execute("INSERT INTO sensor VALUES (?)", (sensor,))
        file.execute(f"PRAGMA user_version = {FORMAT}")
