"""Versions in memory: loaded once, however many ask; the one used longest ago makes room."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """What takes memory."""

    @property
    def size_bytes(self) -> int:
        """How much, about."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Sized)


class Sessions(Generic[K, V]):
    """A table that fills itself and stays within its limit.

    What was dropped lives on for as long as requests hold it. The newest stays, even if it alone is over the limit.

    Args:
        load: makes what is missing.
        limit_bytes: of all together.
    """

    def __init__(self, load: Callable[[K], Awaitable[V]], limit_bytes: int) -> None:
        self._load = load
        self._limit_bytes = limit_bytes
        self._held: OrderedDict[K, V] = OrderedDict()
        self._loading: dict[K, asyncio.Task[V]] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def held(self) -> tuple[K, ...]:
        """Keys in memory, the one used longest ago first."""
        return tuple(self._held)

    def at_hand(self, key: K) -> V | None:
        """What is held under ``key``, which counts as use; None if it is not there."""
        value = self._held.get(key)
        if value is not None:
            self._held.move_to_end(key)
        return value

    async def get(self, key: K) -> V:
        """What belongs to ``key``, loaded if need be.

        Raises:
            Whatever ``load`` raised; the next one who asks tries again.
        """
        value = self.at_hand(key)
        if value is not None:
            return value
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._fill(key))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # its callers may all have left
        return await asyncio.shield(task)

    async def _fill(self, key: K) -> V:
        try:
            async with self._one_at_a_time:
                value = await self._load(key)
            self._held[key] = value
            self._make_room()
            return value
        finally:
            del self._loading[key]

    def _make_room(self) -> None:
        total = sum(each.size_bytes for each in self._held.values())
        while total > self._limit_bytes and len(self._held) > 1:
            total -= self._held.popitem(last=False)[1].size_bytes
