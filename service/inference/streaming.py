"""Answers of a stream in the order of its questions, many of them under way at once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


async def in_order(
    questions: AsyncIterator[Q], answer: Callable[[Q], Awaitable[A]], limit: int
) -> AsyncGenerator[A, None]:
    """Yield ``answer(question)`` for each question, in their order.

    Args:
        limit: answers under way or not yet taken; while there are so many no further question is read.

    Raises:
        Whatever reading or answering raised; what is under way is cancelled.
    """
    room, answers = asyncio.Semaphore(limit), asyncio.Queue[asyncio.Future[A] | None]()

    async def read() -> None:
        try:
            async for question in questions:
                await room.acquire()
                answers.put_nowait(asyncio.ensure_future(answer(question)))
        finally:
            answers.put_nowait(None)

    reader = asyncio.create_task(read())
    try:
        while (task := await answers.get()) is not None:
            found = await task
            room.release()
            yield found
        await reader
    finally:
        reader.cancel()
        while not answers.empty():
            left = answers.get_nowait()
            if left is not None:
                left.cancel()
