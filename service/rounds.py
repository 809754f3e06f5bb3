"""Many small questions to the catalogue in one transaction: who asks while a round is under way waits for the next.

Ten thousand devices that ask at once then cost some dozens of transactions and one thread. A transaction that writes
costs a flush to the disk, however much is in it; nobody is answered before the flush. Where several share a round the
next may begin a pause later, so that a stream of questions gathers too; who asks alone waits for nobody. What one is
told was read after it asked.
"""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Generic, TypeAlias, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")
Asked: TypeAlias = tuple[Q, asyncio.Future[A]]

ROUND_LIMIT = 256  # the last of a round waits for all of it


class Rounds(Generic[Q, A]):
    """Gathers questions, and answers them in the order in which they came.

    Args:
        work: answers questions, in their order; an exception as an answer is raised to the one who asked. Runs in a
            thread, one round at a time. Where it raises, nothing of the round was done: it is parted and tried again,
            until only the question that it cannot answer is told so.
        pause_s: from the beginning of a round that several share, but not so many that it is full, to the next.
        common: what is nobody's own fault, such as a full disk: raised to all of the round.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Q]], Sequence[A | Exception]],
        pause_s: float = 0.0,
        common: tuple[type[Exception], ...] = (),
    ) -> None:
        self._work = work
        self._pause_s = pause_s
        self._common = common
        self._not_before = 0.0
        self._waiting: list[Asked[Q, A]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """The answer to ``question``. One who is cancelled meanwhile leaves the others their answers."""
        told: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, told))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await told

    async def _run(self) -> None:
        """Hold rounds until nobody waits. Whoever cancels this sends all away: none waits for what never comes."""
        asked: list[Asked[Q, A]] = []
        try:
            while self._waiting:
                await asyncio.sleep(self._not_before - monotonic())
                here = [each for each in self._waiting if not each[1].done()]  # the callers of the others have gone
                asked, self._waiting = here[:ROUND_LIMIT], here[ROUND_LIMIT:]
                self._not_before = monotonic() + (self._pause_s if 1 < len(asked) < ROUND_LIMIT else 0.0)
                await self._answer(asked)
        finally:
            self._task = None
            for _, told in (*asked, *self._waiting):
                told.cancel()  # changes nothing where it was told
            self._waiting = []

    async def _answer(self, asked: Sequence[Asked[Q, A]]) -> None:
        if not asked:
            return
        try:
            answers = await asyncio.to_thread(self._work, [question for question, _ in asked])
        except Exception as error:
            if len(asked) > 1 and not isinstance(error, self._common):
                await self._answer(asked[: len(asked) // 2])
                await self._answer(asked[len(asked) // 2 :])
                return
            answers = [error] * len(asked)
        for (_, told), answer in zip(asked, answers, strict=True):
            _tell(told, answer)


def _tell(told: "asyncio.Future[A]", answer: A | Exception) -> None:
    if told.done():  # its caller has gone
        return
    if isinstance(answer, Exception):
        told.set_exception(answer)
    else:
        told.set_result(answer)
