"""One watch at the server for each channel, however many devices follow it here."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import grpc

from slipway import spread
from slipway.gateway.policy import full
from slipway.v1 import updates_pb2 as pb

PAUSE_LIMIT_S = 60.0

Key = tuple[str, str]  # (model, channel)
Watch = Callable[[Key], AsyncIterator[pb.WatchUpdatesResponse]]

log = logging.getLogger(__name__)


@dataclass
class _Followed:
    task: asyncio.Task[None] | None = None
    follower_count: int = 0
    hint: pb.WatchUpdatesResponse | None = None
    error: grpc.aio.AioRpcError | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Hints:
    """Passes hints on.

    Args:
        watch: watches at the server.
        random: uniform numbers from 0 to 1, so that sites do not come back in one voice.
        limit: channels at a time.
        heard: called with each hint before devices hear it.
    """

    def __init__(self, watch: Watch, random: Callable[[], float], limit: int, heard: Callable[[], None]) -> None:
        self._watch = watch
        self._random = random
        self._limit = limit
        self._heard = heard
        self._followed: dict[Key, _Followed] = {}

    async def follow(self, key: Key) -> AsyncGenerator[pb.WatchUpdatesResponse, None]:
        """The newest hint now, if there is one, and each that comes.

        Raises:
            Refused: GATEWAY_FULL.
            AioRpcError: the server refuses the watch.
        """
        if key not in self._followed and len(self._followed) >= self._limit:
            raise full("channel", "channels", self._limit)
        followed = self._followed.setdefault(key, _Followed())
        followed.follower_count += 1
        if followed.task is None:
            followed.task = asyncio.create_task(self._keep_watching(key, followed))
        seen: pb.WatchUpdatesResponse | None = None
        try:
            while True:
                changed, hint = followed.changed, followed.hint
                if hint is not None and hint != seen:
                    seen = hint
                    yield _paced(hint, followed.follower_count)
                elif followed.error is not None:
                    raise followed.error
                else:
                    await changed.wait()
        finally:
            followed.follower_count -= 1
            if not followed.follower_count:
                del self._followed[key]
                followed.task.cancel()

    async def close(self) -> None:
        """Stop watching."""
        tasks = [each.task for each in self._followed.values() if each.task]
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_watching(self, key: Key, followed: _Followed) -> None:
        pause = 1.0
        while followed.error is None:
            try:
                async for hint in self._watch(key):
                    followed.hint, pause = hint, 1.0
                    self._heard()
                    followed.say()
            except grpc.aio.AioRpcError as error:
                if error.code() in REFUSALS:
                    followed.error = error
                    followed.say()
                    return
                log.info("no hints for %s: %s", "/".join(key), error.details())
            await asyncio.sleep(pause * (0.5 + self._random()))
            pause = min(PAUSE_LIMIT_S, 2.0 * pause)


def _paced(hint: pb.WatchUpdatesResponse, count: int) -> pb.WatchUpdatesResponse:
    """The hint for ``count`` devices here, who ask no sooner than the server wants."""
    own = pb.WatchUpdatesResponse()
    own.CopyFrom(hint)
    if spread.seconds(hint.spread) < spread.seconds(spread.length(count)):
        own.spread.CopyFrom(spread.length(count))
    return own


REFUSALS = frozenset(
    {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}
)
