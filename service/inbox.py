"""Where reports of devices wait for the next transaction: all that came while one was written go into the next.

A transaction costs a flush to the disk, however much is in it. Nobody is answered before the flush.
"""

import asyncio
from collections import deque

from sqlalchemy.exc import OperationalError

from service.catalogue import intake
from service.catalogue.engine import Catalogue
from service.catalogue.intake import Item

BATCH_LIMIT = 512


class Inbox:
    """Enters what devices tell, many at a time and in the order in which it came.

    Args:
        catalogue: where it is kept.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._waiting: deque[tuple[Item, asyncio.Future[None]]] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def put(self, item: Item) -> None:
        """Return once ``item`` is kept.

        Raises:
            Refused: it was not taken.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(BATCH_LIMIT, len(self._waiting)))]
                await self._enter(batch)
        finally:
            self._writing = None

    async def _enter(self, batch: list[tuple[Item, "asyncio.Future[None]"]]) -> None:
        items = [item for item, _ in batch]
        try:
            refusals = await asyncio.to_thread(self._catalogue.write, intake.take, items)
        except Exception as error:  # nothing of the batch was kept
            await self._fail(batch, error)
            return
        for (_, done), refused in zip(batch, refusals, strict=True):
            if done.done():  # its caller has left
                continue
            if refused is None:
                done.set_result(None)
            else:
                done.set_exception(refused)

    async def _fail(self, batch: list[tuple[Item, "asyncio.Future[None]"]], error: Exception) -> None:
        """Only who caused an error hears of it, as far as that can be found out."""
        if len(batch) > 1 and not isinstance(error, OperationalError):
            for each in batch:
                await self._enter([each])
            return
        for _, done in batch:
            if not done.done():
                done.set_exception(error)
