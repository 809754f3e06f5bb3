"""What channels point at and devices run, without a question to the catalogue for every request."""

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

STALE = 2  # times as long may pass before a request waits for the catalogue

KNOWN_LIMIT = 10_000  # the one asked first makes room

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Known:
    number: int
    since: float


class Pointers(Generic[K]):
    """Remembers the version that each channel points at, or device runs.

    An answer is fresh for ``seconds``; for as long again it still serves, while the catalogue is asked anew beside it.
    So a move is seen after ``2 * seconds`` at the latest, and no request under load waits for the database.

    Args:
        ask: number of the version; raises for a key that does not exist. Runs in a thread.
        seconds: how long an answer is fresh.
        clock: seconds that only grow.
    """

    def __init__(self, ask: Callable[[K], int], seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._known: dict[K, _Known] = {}
        self._asking: dict[K, asyncio.Task[int]] = {}

    def at_hand(self, key: K) -> int | None:
        """The version's number, if that is known well enough."""
        known = self._known.get(key)
        if known is None:
            return None
        age = self._clock() - known.since
        if age >= self._seconds:
            self._begin(key)
        return known.number if age < STALE * self._seconds else None

    async def number(self, key: K) -> int:
        """The version's number.

        Raises:
            Whatever ``ask`` raised.
        """
        found = self.at_hand(key)
        return await asyncio.shield(self._begin(key)) if found is None else found

    def _begin(self, key: K) -> "asyncio.Task[int]":
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._refresh(key))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # its callers may all have left
        return task

    async def _refresh(self, key: K) -> int:
        since = self._clock()
        try:
            number = await asyncio.to_thread(self._ask, key)
            self._known[key] = _Known(number, since)
            if len(self._known) > KNOWN_LIMIT:
                del self._known[next(iter(self._known))]
            return number
        except Exception:
            self._known.pop(key, None)
            raise
        finally:
            del self._asking[key]
