"""Batching: what waits runs together, nobody waits longer than promised, nothing grows without bound."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.inference.batching import Batcher
from service.inference.limits import Limits
from service.inference.refusals import busy
from service.inference.tally import Tally
from slipway.errors import Reason, Refused

FOREVER = 1e6


class Held(Executor):
    """Runs what it was given when it is told to."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self.jobs.append((future, lambda: fn(*args, **kwargs)))
        return future

    async def run(self) -> None:
        """Do the oldest job, and let the loop see that it is done."""
        future, job = self.jobs.pop(0)
        future.set_result(job())
        await turns()


class Sums:
    """The answer to a window is its sum; remembers the sizes of its batches, refuses windows with NaN."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        self.sizes.append(len(windows))
        if np.isnan(windows).any():
            raise Refused(Reason.SAMPLE_NOT_FINITE, field="w", window=0, sample=0, channel="c", found="nan")
        return windows.sum((1, 2))[:, None].astype(np.float32)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def made(pool: Executor, sums: Sums, tally: Tally | None = None, **limits: Any) -> Batcher:
    given = Limits(**{"batch_windows": 8, "batch_delay_seconds": FOREVER, "queue_windows": 16, **limits})
    return Batcher(sums, pool, given, tally or Tally(), lambda seconds: busy("m", 1, given.queue_windows, seconds))


def window(value: float, count: int = 1) -> np.ndarray:
    return np.full((count, 1, 1), value, np.float32)


async def test_a_lone_client_never_waits_for_others() -> None:
    pool, sums = Held(), Sums()
    batcher = made(pool, sums)
    for value in range(5):
        task = asyncio.create_task(batcher.answer(window(value)))
        await turns()
        await pool.run()
        assert (await task).tolist() == [[value]]
    assert sums.sizes == [1] * 5


async def test_what_comes_while_a_run_is_under_way_runs_together_next() -> None:
    pool, sums = Held(), Sums()
    batcher = made(pool, sums)
    first = asyncio.create_task(batcher.answer(window(0)))
    await turns()
    others = [asyncio.create_task(batcher.answer(window(value))) for value in (1, 2, 3)]
    await turns()
    assert len(pool.jobs) == 1, "one run at a time"
    await pool.run()
    assert first.done()
    assert not pool.jobs, "four were there: so many are waited for"
    again = asyncio.create_task(batcher.answer(window(4)))
    await turns()
    await pool.run()
    assert [(await task).item() for task in (*others, again)] == [1, 2, 3, 4]
    assert sums.sizes == [1, 4]


async def test_waiting_for_others_ends_after_the_delay() -> None:
    pool, sums = Held(), Sums()
    batcher = made(pool, sums, batch_delay_seconds=0.01)
    tasks = [asyncio.create_task(batcher.answer(window(value))) for value in range(4)]
    await turns()
    await pool.run()
    late = asyncio.create_task(batcher.answer(window(9)))
    await turns()
    assert not pool.jobs, "three more are expected"
    while not pool.jobs:
        await asyncio.sleep(0.001)
    await pool.run()
    assert (await late).item() == 9 and sums.sizes == [4, 1]
    assert all(task.done() for task in tasks)
    alone = asyncio.create_task(batcher.answer(window(5)))
    await turns()
    assert pool.jobs, "one was there last time, so one is enough"
    await pool.run()
    await alone


async def test_a_full_batch_starts_at_once_and_the_rest_follows() -> None:
    pool, sums = Held(), Sums()
    batcher = made(pool, sums, batch_delay_seconds=0.0)
    tasks = [asyncio.create_task(batcher.answer(window(value, 3))) for value in range(5)]
    await turns()
    while pool.jobs:
        await pool.run()
    assert sums.sizes == [6, 6, 3], "8 windows fit"
    assert [(await task).ravel().tolist() for task in tasks] == [[value] * 3 for value in range(5)]


async def test_more_than_the_queue_holds_is_refused_with_a_time_to_try_again() -> None:
    pool, sums = Held(), Sums()
    batcher = made(pool, sums, batch_delay_seconds=0.0)
    running = asyncio.create_task(batcher.answer(window(0)))
    await turns()
    waiting = [asyncio.create_task(batcher.answer(window(1, 8))) for _ in range(2)]
    await turns()
    with pytest.raises(Refused) as caught:
        await batcher.answer(window(2))
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    assert float(caught.value.details["retry_seconds"]) > 0
    await pool.run()
    more = asyncio.create_task(batcher.answer(window(3)))
    await turns()
    while pool.jobs:
        await pool.run()
    for task in (running, *waiting, more):
        assert task.done() and task.exception() is None


async def test_callers_who_left_are_not_computed() -> None:
    pool, sums = Held(), Sums()
    batcher = made(pool, sums)
    first = asyncio.create_task(batcher.answer(window(0)))
    await turns()
    gone, stays = (asyncio.create_task(batcher.answer(window(value))) for value in (1, 2))
    await turns()
    gone.cancel()
    await turns()
    await pool.run()
    third = asyncio.create_task(batcher.answer(window(3)))
    await turns()
    await pool.run()
    assert sums.sizes == [1, 2]
    assert [(await task).item() for task in (first, stays, third)] == [0, 2, 3]


async def test_a_caller_who_leaves_during_the_run_disturbs_nobody() -> None:
    pool, sums = Held(), Sums()
    batcher = made(pool, sums)
    gone, stays = (asyncio.create_task(batcher.answer(window(value))) for value in (1, 2))
    await turns()
    gone.cancel()
    await pool.run()
    assert (await stays).item() == 2 and gone.cancelled()


async def test_a_refused_request_fails_alone() -> None:
    pool, sums = Held(), Sums()
    batcher = made(pool, sums)
    tasks = [asyncio.create_task(batcher.answer(window(value))) for value in (1.0, float("nan"), 3.0)]
    await turns()
    await pool.run()
    assert sums.sizes == [3, 1, 1, 1]
    good, bad, other = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(bad, Refused) and bad.reason == "SAMPLE_NOT_FINITE"
    assert isinstance(good, np.ndarray) and isinstance(other, np.ndarray)
    assert (good.item(), other.item()) == (1, 3)


async def test_a_bug_fails_its_batch_and_not_the_next() -> None:
    batcher = made(ThreadPoolExecutor(1), Sums(), batch_delay_seconds=0.0)
    odd = np.zeros((1, 2, 2), np.float32)  # cannot be put together with the other
    found = await asyncio.gather(batcher.answer(window(1)), batcher.answer(odd), return_exceptions=True)
    assert [type(each) for each in found] == [ValueError, ValueError]
    assert (await batcher.answer(window(2))).item() == 2


async def test_every_run_is_counted() -> None:
    pool, tally = Held(), Tally()
    batcher = made(pool, Sums(), tally)
    tasks = [asyncio.create_task(batcher.answer(window(value, 2))) for value in range(3)]
    await turns()
    await pool.run()
    await asyncio.gather(*tasks)
    assert (tally.windows, tally.runs, tally.queue.count) == (6, 1, 3)
    assert [step.count for step in tally.steps] == [3, 3, 3]
    assert {size: steps[1].count for size, steps in tally.sizes.items()} == {6: 1}
    assert tally.steps[1].ns == 3 * tally.sizes[6][1].ns > 0


@given(st.lists(st.integers(1, 8), min_size=1, max_size=30), st.integers(0, 2**32))
def test_everyone_gets_their_own_answer(counts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)

    async def story() -> None:
        pool, sums = Held(), Sums()
        batcher = made(pool, sums, queue_windows=1000, batch_delay_seconds=0.0)
        questions = [rng.integers(-99, 99, (count, 2, 2)).astype(np.float32) for count in counts]
        tasks = []
        for question in questions:
            tasks.append(asyncio.create_task(batcher.answer(question)))
            await turns(int(rng.integers(0, 4)))
            if pool.jobs and rng.random() < 0.4:
                await pool.run()
        await turns()
        while pool.jobs:
            await pool.run()
        for question, task in zip(questions, tasks, strict=True):
            assert (await task).ravel().tolist() == question.sum((1, 2)).tolist()
        assert max(sums.sizes) <= 8 and sum(sums.sizes) == sum(counts)

    asyncio.run(story())
