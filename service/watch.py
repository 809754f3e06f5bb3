"""Watching the catalogue: one task asks for the revisions of all that is watched, however many watch.

Asking works for every writer alike: this server, its workers, another server on the same catalogue.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from slipway.errors import Reason, Refused

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
R = TypeVar("R", bound=Hashable)


@dataclass(slots=True)
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
        self.closed = False

    def on(self, key: K) -> "Watcher[K, R]":
        """Watch ``key`` from the beginning of a ``with`` block to its end."""
        return Watcher(self, key)

    def enter(self, key: K) -> _Watched[R]:
        """Count one more who watches ``key``."""
        watched = self._watched.setdefault(key, _Watched())
        watched.watcher_count += 1
        self._somebody.set()
        return watched

    def leave(self, key: K) -> None:
        """Count one less."""
        watched = self._watched[key]
        watched.watcher_count -= 1
        if not watched.watcher_count:
            del self._watched[key]

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
        self.closed = True
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


class Watcher(Generic[K, R]):
    """Iterates over the revisions of a key: the one now (``absent`` while it does not exist), and each that follows.

    Thousands wait at a time, so it is small.

    Raises:
        Refused: SERVER_STOPPING, once the watch was closed.
    """

    __slots__ = ("_key", "_seen", "_watch", "_watched")
    _watched: _Watched[R]  # from entering on

    def __init__(self, watch: Watch[K, R], key: K) -> None:
        self._watch, self._key = watch, key
        self._seen: R | None = None

    @property
    def count(self) -> int:
        """How many watch this key."""
        return self._watched.watcher_count

    def __enter__(self) -> "Watcher[K, R]":
        self._watched = self._watch.enter(self._key)
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.leave(self._key)

    def __aiter__(self) -> "Watcher[K, R]":
        return self

    async def __anext__(self) -> R:
        while True:
            if self._watch.closed:
                raise Refused(Reason.SERVER_STOPPING, field="watch")
            changed, revision = self._watched.changed, self._watched.revision
            if revision is not None and revision != self._seen:
                self._seen = revision
                return revision
            await changed.wait()
