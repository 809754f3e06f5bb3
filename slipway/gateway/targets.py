"""Bundles and deltas on the gateway's disk, named by their hashes; each comes from the server once, however many ask.

    targets/<sha256>         whole, its hash checked
    targets/<sha256>.part    what came so far

Devices read along while a target comes: they check what they get themselves. Where it goes on from what an earlier
attempt left, they wait until its hash was checked. What was used longest ago goes first.
"""

import asyncio
import hashlib
import logging
import os
import time
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from slipway.bundle.archive import BUNDLE_LIMIT_BYTES
from slipway.durable import sync_folder
from slipway.errors import Reason, Refused
from slipway.gateway.fetch import Pieces, fetch

PIECE_BYTES = 256 << 10

log = logging.getLogger(__name__)


class Held:
    """A target that is here, or on its way. Its file stays readable after it was removed."""

    def __init__(self, path: Path, *, whole: bool) -> None:
        self.handle = os.open(path, os.O_RDONLY if whole else os.O_RDONLY | os.O_CREAT, 0o644)
        self.have = os.fstat(self.handle).st_size if whole else 0
        self.whole = whole
        self.error: Exception | None = None
        self.reader_count = 0
        self._changed = asyncio.Event()

    def tell(self, have: int) -> None:
        """More of it is here."""
        self.have = max(self.have, have)
        self._wake()

    def end(self, error: Exception | None) -> None:
        """All of it is here, or no more of it comes."""
        self.whole, self.error = error is None, error
        self._wake()

    async def past(self, offset: int) -> None:
        """Wait until there is a byte at ``offset``, or there will be none."""
        while self.have <= offset and not self.whole and self.error is None:
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Targets:
    """The folder of targets. All but the fetching runs on one event loop.

    Args:
        pieces: asks the server; runs in a thread.
        limit_bytes: of the folder.
        fetch_count: targets on their way at a time.
    """

    def __init__(self, folder: Path, pieces: Pieces, *, limit_bytes: int, fetch_count: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._pieces = pieces
        self._limit_bytes = limit_bytes
        self._turns = asyncio.Semaphore(fetch_count)
        self._coming: dict[str, Held] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def read(self, sha256: str, offset: int, limit: int) -> AsyncIterator[tuple[int, bytes]]:
        """Pieces of a target from ``offset`` on, ``limit`` bytes at most (0: all), fetching it where it is not here.

        Raises:
            Refused: READ_OUTSIDE_FILE, or what the fetching says.
            ServerRefused, ServerUnreachable: of the server, where the rest has to come from there.
        """
        held = self._held(sha256)
        held.reader_count += 1
        try:
            await held.past(offset)
            if held.whole and offset > held.have:
                raise Refused(Reason.READ_OUTSIDE_FILE, field="read_offset", found=offset, limit=held.have)
            async for piece in self._read(held, sha256, offset, offset + limit if limit else None):
                yield piece
        finally:
            held.reader_count -= 1
            if not held.reader_count and self._coming.get(sha256) is not held:
                os.close(held.handle)

    async def close(self) -> None:
        """Stop fetching; what came stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, held: Held, sha256: str, at: int, end: int | None) -> AsyncIterator[tuple[int, bytes]]:
        digest = hashlib.sha256() if at == 0 else None
        while end is None or at < end:
            await held.past(at)
            have = held.have if end is None else min(held.have, end)
            data = await to_thread(os.pread, held.handle, min(PIECE_BYTES, have - at), at) if at < have else b""
            if not data:  # there is no more, or another attempt has begun afresh
                if held.error is not None:
                    raise held.error
                break
            if digest is not None:
                digest.update(data)
            yield at, data
            at += len(data)
        if digest is not None and held.whole and at == held.have and digest.hexdigest() != sha256:
            log.error("the disk no longer holds target %s; it will be fetched anew", sha256)
            self._path(sha256).unlink(missing_ok=True)

    def _held(self, sha256: str) -> Held:
        if sha256 in self._coming:
            return self._coming[sha256]
        with suppress(FileNotFoundError):
            _use(self._path(sha256))
            return Held(self._path(sha256), whole=True)
        held = self._coming[sha256] = Held(self._part(sha256), whole=False)
        task = asyncio.create_task(self._fetch(sha256, held))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return held

    async def _fetch(self, sha256: str, held: Held) -> None:
        loop = asyncio.get_running_loop()
        error: Exception | None = None
        try:
            async with self._turns:
                await to_thread(
                    fetch,
                    self._part(sha256),
                    self._pieces,
                    sha256=sha256,
                    limit_bytes=min(BUNDLE_LIMIT_BYTES, self._limit_bytes),
                    tell=lambda have: _tell(loop, held, have),
                )
                await to_thread(self._admit, sha256)
        except Exception as problem:
            error = problem
        finally:
            del self._coming[sha256]
            held.tell(os.fstat(held.handle).st_size if error is None else held.have)
            held.end(error)
            if not held.reader_count:
                os.close(held.handle)

    def _admit(self, sha256: str) -> None:
        os.replace(self._part(sha256), self._path(sha256))
        _use(self._path(sha256))
        sync_folder(self._folder)
        self._make_room(spared=sha256)

    def _make_room(self, spared: str) -> None:
        """Remove what was used longest ago. What is on its way counts, and stays."""
        files = [(path, path.stat()) for path in self._folder.iterdir()]
        over = sum(stat.st_size for _, stat in files) - self._limit_bytes
        for path, stat in sorted(files, key=lambda each: each[1].st_mtime_ns):
            if over > 0 and path.stem != spared and path.stem not in self._coming:
                path.unlink(missing_ok=True)
                over -= stat.st_size

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256

    def _part(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.part"


def _use(path: Path) -> None:
    """Note when a file was used, finer than the system's own clock of files, which ticks every few milliseconds."""
    now_ns = time.time_ns()
    os.utime(path, ns=(now_ns, now_ns))


def _tell(loop: asyncio.AbstractEventLoop, held: Held, have: int) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(held.tell, have)
