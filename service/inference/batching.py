"""Dynamic batching: windows that wait for one version are run together, off the event loop, one run at a time.

A run starts when as many requests wait as there were in the last round: those that ran and those that came meanwhile.
So a lone client never waits for others, several that ask in turn are answered together, and when fewer come than last
time ``batch_delay_seconds`` bounds the waiting.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from service.inference.limits import Limits
from service.inference.tally import Run, Tally
from slipway.errors import Refused
from slipway.windows import Values

Logits: TypeAlias = "npt.NDArray[np.float32]"  # (windows, classes or outputs)
Outcome: TypeAlias = "Logits | Exception"  # of one request
Computed: TypeAlias = "tuple[list[Outcome], tuple[int, int, int]]"  # and when it began, began to run, had run (ns)

RETRY_SECONDS = 0.01  # at least, for clients that were refused
MEMORY = 0.8  # share of what earlier runs say about the time of a window


@dataclass(slots=True)
class _Waiting:
    windows: Values
    answer: "asyncio.Future[Logits]"
    since_ns: int


class Batcher:
    """Answers windows of one version.

    Args:
        compute: logits of windows (count, time, channels); called in ``pool``. What it refuses in company it is asked
            again alone, so that one request's bad window fails no other.
        pool: where runs happen.
        limits: sizes and the delay.
        tally: counts the runs.
        busy: makes the refusal when too many windows wait, from the seconds after which to try again.
    """

    def __init__(
        self,
        compute: Callable[[Values], Logits],
        pool: Executor,
        limits: Limits,
        tally: Tally,
        busy: Callable[[float], Refused],
    ) -> None:
        self._compute = compute
        self._pool = pool
        self._limits = limits
        self._tally = tally
        self._busy = busy
        self._waiting: deque[_Waiting] = deque()
        self._waiting_windows = 0
        self._running = False
        self._expected = 1  # requests
        self._starting = False
        self._alarm: asyncio.TimerHandle | None = None
        self._window_seconds = 0.0

    async def answer(self, windows: Values) -> Logits:
        """Logits (count, classes) of windows (count, time, channels), ``batch_windows`` at most.

        Raises:
            Refused: what ``busy`` makes, if too many windows wait already; whatever ``compute`` raises.
        """
        if self._waiting_windows + len(windows) > self._limits.queue_windows:
            raise self._busy(max(RETRY_SECONDS, self._waiting_windows * self._window_seconds))
        waiting = _Waiting(windows, asyncio.get_running_loop().create_future(), perf_counter_ns())
        self._waiting.append(waiting)
        self._waiting_windows += len(windows)
        self._schedule()
        return await waiting.answer

    def _schedule(self) -> None:
        """Let a run start once it is full, all that are expected are there, or the first has waited long enough."""
        if self._running or self._starting or not self._waiting:
            return
        loop, waited = asyncio.get_running_loop(), (perf_counter_ns() - self._waiting[0].since_ns) / 1e9
        rest = self._limits.batch_delay_seconds - waited
        full = self._waiting_windows >= self._limits.batch_windows
        if full or rest <= 0 or len(self._waiting) >= self._expected:
            self._starting = True
            loop.call_soon(self._start)  # not at once: what this turn of the loop brings shall be part of it
        elif self._alarm is None:
            self._alarm = loop.call_later(rest, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if not self._running and not self._starting:
            self._start()

    def _start(self) -> None:
        self._starting = False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        batch = self._take()
        if not batch:
            return
        self._running = True
        loop, begin_ns = asyncio.get_running_loop(), perf_counter_ns()
        run = self._pool.submit(_run, self._compute, [each.windows for each in batch])
        run.add_done_callback(lambda done: loop.call_soon_threadsafe(self._end, batch, begin_ns, done))

    def _take(self) -> list[_Waiting]:
        """The next requests that fit into one run; those whose callers have left are dropped."""
        batch: list[_Waiting] = []
        count = 0
        while self._waiting and count + len(self._waiting[0].windows) <= self._limits.batch_windows:
            each = self._waiting.popleft()
            self._waiting_windows -= len(each.windows)
            if not each.answer.done():
                batch.append(each)
                count += len(each.windows)
        return batch

    def _end(self, batch: Sequence[_Waiting], begin_ns: int, done: "Future[Computed]") -> None:
        self._running = False
        self._expected = len(batch) + len(self._waiting)
        error = done.exception()
        if error is None:
            self._hand_out(batch, begin_ns, *done.result())
        else:
            for each in batch:
                if not each.answer.done():
                    each.answer.set_exception(error)
        self._schedule()

    def _hand_out(
        self, batch: Sequence[_Waiting], begin_ns: int, found: Sequence[Outcome], times: tuple[int, int, int]
    ) -> None:
        for each, outcome in zip(batch, found, strict=True):
            if each.answer.done():  # its caller has left
                continue
            if isinstance(outcome, Exception):
                each.answer.set_exception(outcome)
            else:
                each.answer.set_result(outcome)
        begun, ran, ended = times
        count = sum(len(each.windows) for each in batch)
        queue_ns = sum(begin_ns - each.since_ns for each in batch)
        self._tally.ran(Run(len(batch), count, queue_ns, (ran - begun, ended - ran, perf_counter_ns() - ended)))
        seconds = (ended - begun) / 1e9 / count
        self._window_seconds += (1 - MEMORY) * (seconds - self._window_seconds)


def _run(compute: Callable[[Values], Logits], parts: Sequence[Values]) -> Computed:
    begun = perf_counter_ns()
    windows = parts[0] if len(parts) == 1 else np.concatenate(parts)
    ran = perf_counter_ns()
    found = _outcomes(compute, parts, windows)
    return found, (begun, ran, perf_counter_ns())


def _outcomes(compute: Callable[[Values], Logits], parts: Sequence[Values], windows: Values) -> list[Outcome]:
    try:
        logits = compute(windows)
    except Exception as error:
        if len(parts) == 1:
            return [error]
        return [outcome for part in parts for outcome in _outcomes(compute, [part], part)]
    ends = np.cumsum([len(part) for part in parts]).tolist()
    return [logits[end - len(part) : end] for part, end in zip(parts, ends, strict=True)]
