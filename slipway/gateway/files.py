"""Signed metadata, as the server gave it: the timestamp is asked for again and again, what has a number but seldom.

Also that a file is not there is remembered: devices ask for the root after the newest one at every look, and go on only
when they hear that there is none.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from slipway.errors import Reason, Refused
from slipway.gateway.ledger import Ledger
from slipway.gateway.policy import DAY_US
from slipway.trust import names

FRESH_US = 30 * 1_000_000  # of the timestamp, and of files that are not there
NUMBERED_US = 30 * DAY_US  # numbered files never change; asked for again so that a wrong one does not stay for ever
FILE_LIMIT_BYTES = 2 << 20

Ask = Callable[[str], Awaitable[bytes | None]]  # the file's content; None where there is none


class Away(Exception):
    """The server cannot be reached; the words say why."""


@dataclass(frozen=True)
class File:
    """What the server said of a file; ``content`` None where there is none."""

    content: bytes | None
    asked_us: int


class Files:
    """Answers from the ledger, or from the server.

    Args:
        ask: asks the server; raises ``Away``.
        clock: microseconds since 1970.
        limit_bytes: of all files together.
    """

    def __init__(self, ledger: Ledger, ask: Ask, clock: Callable[[], int], limit_bytes: int) -> None:
        self._ledger = ledger
        self._ask = ask
        self._clock = clock
        self._limit_bytes = limit_bytes
        self._locks: dict[str, asyncio.Lock] = {}
        self._news_us = 0

    def ask_anew(self) -> None:
        """Something moved at the server: what changes there is asked for again, however lately it was."""
        self._news_us = self._clock()

    async def get(self, name: str) -> bytes | None:
        """The file ``name``; None where the server has none.

        Raises:
            Refused: FIELD_INVALID for what cannot be a metadata file, SERVER_AWAY, LIMIT_EXCEEDED.
        """
        names.check_name(name)
        if names.target_hash(name) is not None:
            remedy = "Ask DownloadTarget for it."
            words = {"problem": "is a target", "found": repr(name), "remedy": remedy}
            raise Refused(Reason.FIELD_INVALID, field="name", **words)
        lock = self._locks.setdefault(name, asyncio.Lock())
        try:
            async with lock:  # who waits here finds the answer to whom came first
                return await self._get(name)
        finally:
            if not lock.locked():
                self._locks.pop(name, None)

    async def _get(self, name: str) -> bytes | None:
        known = await asyncio.to_thread(self._ledger.run, find, name)
        now_us = self._clock()
        if known is not None and 0 <= now_us - known.asked_us < self._lasts(name, known):
            return known.content
        try:
            content = await self._ask(name)
        except Away as error:
            if known is None:
                raise Refused(Reason.SERVER_AWAY, field="name", name=name, problem=error) from error
            return known.content
        if content is not None and len(content) > FILE_LIMIT_BYTES:
            found = f"{len(content)} bytes from the server"
            raise Refused(Reason.LIMIT_EXCEEDED, field="name", found=found, limit=FILE_LIMIT_BYTES)
        file = File(content, now_us)  # when it was asked for: news that came meanwhile may not be in it
        await asyncio.to_thread(self._ledger.run, put, name, file, self._limit_bytes)
        return content

    def _lasts(self, name: str, known: File) -> int:
        if name != names.TIMESTAMP and known.content is not None:
            return NUMBERED_US
        return FRESH_US if known.asked_us > self._news_us else 0


def find(connection: sqlite3.Connection, name: str) -> File | None:
    """What is known of a file."""
    row = connection.execute("SELECT content, asked_us FROM files WHERE name = ?", (name,)).fetchone()
    return None if row is None else File(*row)


def put(connection: sqlite3.Connection, name: str, file: File, limit_bytes: int) -> None:
    """Keep a file; of all files those that were asked for last."""
    size = len(file.content or b"") + len(name)
    connection.execute("INSERT OR REPLACE INTO files VALUES (?,?,?,?)", (name, file.content, size, file.asked_us))
    over = connection.execute("SELECT sum(size_bytes) FROM files").fetchone()[0] - limit_bytes
    oldest = "SELECT name, size_bytes FROM files WHERE name != ? ORDER BY asked_us, name"
    for other, freed in connection.execute(oldest, (name,)).fetchall() if over > 0 else ():
        if over > 0:
            connection.execute("DELETE FROM files WHERE name = ?", (other,))
            over -= freed
