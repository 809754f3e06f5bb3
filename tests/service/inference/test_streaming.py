"""Streams: one answer to each request, in their order, and a refusal ends nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest

from service.inference.streaming import in_order
from service.inference.stubs import grpc_service_pb2 as pb
from tests.service.inference.bundles import alone, windows
from tests.service.inference.conftest import Shelf
from tests.service.inference.messages import logits, raw, text
from tests.service.process import TIMEOUT


async def numbers(count: int, read: list[int] | None = None) -> AsyncIterator[int]:
    for number in range(count):
        if read is not None:
            read.append(number)
        yield number


async def test_answers_keep_the_order_however_long_each_takes() -> None:
    finished: list[int] = []

    async def answer(number: int) -> int:
        for _ in range(50 - 5 * (number % 10)):
            await asyncio.sleep(0)
        finished.append(number)
        return number * number

    found = [each async for each in in_order(numbers(40), answer, 10)]
    assert found == [number * number for number in range(40)]
    assert finished != sorted(finished), "they were under way at the same time"


async def test_no_more_is_read_than_may_be_under_way() -> None:
    read: list[int] = []
    gate = asyncio.Event()

    async def answer(number: int) -> int:
        await gate.wait()
        return number

    stream = in_order(numbers(100, read), answer, 4)
    first = asyncio.ensure_future(anext(stream))
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(read) == 5, "four under way, one in the hand"
    gate.set()
    assert await first == 0
    assert [each async for each in stream] == list(range(1, 100))


async def test_a_reader_who_leaves_cancels_what_is_under_way() -> None:
    cancelled: list[int] = []

    async def answer(number: int) -> int:
        try:
            await asyncio.sleep(0 if number == 0 else 1000)
        except asyncio.CancelledError:
            cancelled.append(number)
            raise
        return number

    stream = in_order(numbers(4), answer, 4)
    assert await anext(stream) == 0
    await stream.aclose()
    for _ in range(10):
        await asyncio.sleep(0)
    assert sorted(cancelled) == [1, 2, 3]


async def test_what_reading_raises_is_raised_after_the_answers() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise ConnectionError

    async def answer(number: int) -> int:
        return number

    stream = in_order(broken(), answer, 4)
    assert await anext(stream) == 1
    with pytest.raises(ConnectionError):
        await anext(stream)


def test_a_stream_answers_in_order_and_says_what_it_refuses(stub: Any, shelf: Shelf) -> None:
    def requests() -> Iterator[pb.ModelInferRequest]:
        for index in range(60):
            channel = {"channel": text("stable" if index % 2 else "candidate")}
            values = windows(1 + index % 3, seed=index)
            if index % 7 == 3:
                values[0, 0, 0] = np.nan
            yield raw(values, "nobody" if index % 11 == 5 else "rover", id=str(index), parameters=channel)

    answers = list(stub.ModelStreamInfer(requests(), timeout=TIMEOUT))
    assert [answer.infer_response.id for answer in answers] == [str(index) for index in range(60)]
    for index, answer in enumerate(answers):
        if index % 11 == 5:
            assert "[NOT_FOUND]" in answer.error_message and "Request for unknown model" in answer.error_message
        elif index % 7 == 3:
            assert "[INVALID_ARGUMENT]" in answer.error_message and not answer.infer_response.outputs
        else:
            assert answer.error_message == ""
            expected = alone(shelf.rover[index % 2 == 0], windows(1 + index % 3, seed=index))
            assert logits(answer.infer_response).tobytes() == expected.tobytes()
