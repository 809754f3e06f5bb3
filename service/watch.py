"""Watching the catalogue: one task asks for the revisions of all that is watched, however many watch.

Asking works for every writer alike: this server, its workers, another server on the same catalogue.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from slipway.errors import Reason, Refused

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
R = TypeVar("R", bound=Hashable)


@dataclass
class _Watched(Generic[R]):
    watcher_count: int = 0
    revision: R | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Watch(Generic[K, R]):
    """Tells watchers when the revision of their key changes.

    Args:
        fetch: revisions of the keys that exist; runs in a thread.
        seconds: pause between two questions.
        absent: revision of a key that does not exist.
    """

    def __init__(self, fetch: Callable[[Collection[K]], dict[K, R]], seconds: float, absent: R) -> None:
        self._fetch = fetch
        self._seconds = seconds
        self._absent = absent
        self._watched: dict[K, _Watched[R]] = {}
        self._somebody = asyncio.Event()
        self._closed = False

    async def revisions(self, key: K) -> AsyncGenerator[R, None]:
        """Yield the revision of ``key`` now (``absent`` while it does not exist) and whenever it changes.

        Raises:
            Refused: SERVER_STOPPING, once ``close`` was called.
        """
        watched = self._watched.setdefault(key, _Watched())
        watched.watcher_count += 1
        self._somebody.set()
        seen: R | None = None
        try:
            while True:
                if self._closed:
                    raise Refused(Reason.SERVER_STOPPING, field="watch")
                changed, revision = watched.changed, watched.revision
                if revision is not None and revision != seen:
                    seen = revision
                    yield revision
                else:
                    await changed.wait()
        finally:
            watched.watcher_count -= 1
            if not watched.watcher_count:
                self._watched.pop(key, None)

    async def run(self) -> None:
        """Ask for as long as anybody watches. Ends with its task."""
        while True:
            await self._somebody.wait()
            try:
                await self._ask()
            except Exception:
                log.exception("cannot ask the catalogue for changes")
            await asyncio.sleep(self._seconds)

    def close(self) -> None:
        """Send all watchers away."""
        self._closed = True
        for watched in self._watched.values():
            watched.changed.set()

    async def _ask(self) -> None:
        keys = tuple(self._watched)
        if not keys:
            self._somebody.clear()
            return
        found = await asyncio.to_thread(self._fetch, keys)
        for key in keys:
            watched = self._watched.get(key)
            if watched is not None and watched.revision != found.get(key, self._absent):
                watched.revision = found.get(key, self._absent)
                watched.changed.set()
                watched.changed = asyncio.Event()
