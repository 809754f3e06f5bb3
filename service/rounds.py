"""Many small questions to the catalogue in one transaction: who asks while a round is under way waits for the next.

Ten thousand devices that ask at once then cost some dozens of transactions and one thread. Rounds begin a pause apart,
so that a stream of questions gathers too; a lone question waits for nobody. What one is told was read after it asked.
"""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

PAUSE_S = 0.02
ROUND_LIMIT = 256  # the last of a round waits for all of it


class Rounds(Generic[Q, A]):
    """Gathers questions.

    Args:
        work: answers questions, in their order; an exception as an answer is raised to the one who asked. Runs in a
            thread, one round at a time; what it raises is raised to all of the round.
        pause_s: from the beginning of a round to the next.
    """

    def __init__(self, work: Callable[[Sequence[Q]], Sequence[A | Exception]], pause_s: float = PAUSE_S) -> None:
        self._work = work
        self._pause_s = pause_s
        self._not_before = 0.0
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """The answer to ``question``. One who is cancelled meanwhile leaves the others their answers."""
        told: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, told))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await told

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._not_before - monotonic())
            self._not_before = monotonic() + self._pause_s
            asked, self._waiting = self._waiting[:ROUND_LIMIT], self._waiting[ROUND_LIMIT:]
            try:
                answers = await asyncio.to_thread(self._work, [question for question, _ in asked])
            except Exception as error:
                answers = [error] * len(asked)
            for (_, told), answer in zip(asked, answers, strict=True):
                _tell(told, answer)
        self._task = None


def _tell(told: "asyncio.Future[A]", answer: A | Exception) -> None:
    if told.done():  # its caller has gone
        return
    if isinstance(answer, Exception):
        told.set_exception(answer)
    else:
        told.set_result(answer)
