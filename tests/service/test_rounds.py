"""Rounds: whoever asks together with others gets the answer to the own question, and no other's trouble."""

import asyncio
import threading
from collections.abc import Sequence
from time import monotonic

from hypothesis import given, settings
from hypothesis import strategies as st

from service import rounds
from service.rounds import Rounds

GOOD, REFUSED, BROKEN = "good", "refused", "broken"
KINDS = st.sampled_from([GOOD, GOOD, GOOD, REFUSED, BROKEN])


class Trouble(Exception):
    """Of one question."""


class Outage(Exception):
    """Of everybody."""


class Book:
    """Work that notes what it was asked: each question (number, kind) is answered by ten times its number."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.kept: list[int] = []
        self.at_work = threading.Lock()

    def work(self, asked: Sequence[tuple[int, str]]) -> list[int | Exception]:
        assert self.at_work.acquire(blocking=False), "one round at a time"
        try:
            self.rounds.append([number for number, _ in asked])
            if any(kind == BROKEN for _, kind in asked):
                raise Trouble(next(number for number, kind in asked if kind == BROKEN))
            self.kept += [number for number, kind in asked if kind == GOOD]
            return [10 * number if kind == GOOD else Trouble(number) for number, kind in asked]
        finally:
            self.at_work.release()


@settings(max_examples=150, deadline=None)
@given(
    questions=st.lists(st.tuples(KINDS, st.integers(0, 3), st.booleans()), max_size=40),
    limit=st.sampled_from([1, 4, 256]),
)
def test_everybody_gets_the_own_answer_in_order_whoever_fails_or_leaves(
    questions: list[tuple[str, int, bool]], limit: int
) -> None:
    """Each asks after so many turns of the event loop; some leave again one turn later."""
    book = Book()

    async def one(gather: Rounds[tuple[int, str], int], number: int) -> int | Exception:
        kind, turns, leaves = questions[number]
        for _ in range(turns):
            await asyncio.sleep(0)
        task = asyncio.create_task(gather.ask((number, kind)))
        if leaves:
            await asyncio.sleep(0)
            task.cancel()
        return (await asyncio.gather(task, return_exceptions=True))[0]

    async def all_of_them() -> list[int | Exception]:
        gather = Rounds[tuple[int, str], int](book.work)
        return list(await asyncio.gather(*(one(gather, number) for number in range(len(questions)))))

    before, rounds.ROUND_LIMIT = rounds.ROUND_LIMIT, limit
    try:
        answers = asyncio.run(all_of_them())
    finally:
        rounds.ROUND_LIMIT = before
    for number, ((kind, _, leaves), answer) in enumerate(zip(questions, answers, strict=True)):
        if leaves and isinstance(answer, asyncio.CancelledError):
            continue
        if kind == GOOD:
            assert answer == 10 * number
        else:
            assert isinstance(answer, Trouble) and answer.args == (number,)
    assert len(book.kept) == len(set(book.kept)), "nothing is done twice"
    came = sorted(book.kept, key=lambda number: (questions[number][1], number))
    assert book.kept == came, "in the order in which they came"
    assert all(len(each) <= limit for each in book.rounds)


def held(book: Book, first: threading.Event, go_on: threading.Event) -> Rounds[tuple[int, str], int]:
    """Rounds of which the first waits for ``go_on``."""

    def work(asked: Sequence[tuple[int, str]]) -> list[int | Exception]:
        if not first.is_set():
            first.set()
            assert go_on.wait(10)
        return book.work(asked)

    return Rounds(work)


def test_who_asks_while_a_round_is_under_way_waits_for_the_next_and_shares_it() -> None:
    book, first, go_on = Book(), threading.Event(), threading.Event()

    async def ask() -> list[int]:
        gather = held(book, first, go_on)
        tasks = [asyncio.create_task(gather.ask((0, GOOD)))]
        await asyncio.to_thread(first.wait, 10)
        tasks += [asyncio.create_task(gather.ask((number, GOOD))) for number in (1, 2, 3)]
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(ask()) == [0, 10, 20, 30]
    assert book.rounds == [[0], [1, 2, 3]]


def test_who_leaves_before_the_round_is_not_worked_for() -> None:
    book, first, go_on = Book(), threading.Event(), threading.Event()

    async def ask() -> int:
        gather = held(book, first, go_on)
        stays = asyncio.create_task(gather.ask((0, GOOD)))
        await asyncio.to_thread(first.wait, 10)
        leaves = asyncio.create_task(gather.ask((1, GOOD)))
        await asyncio.sleep(0)
        leaves.cancel()
        last = asyncio.create_task(gather.ask((2, GOOD)))
        await asyncio.sleep(0)
        go_on.set()
        return await stays + await last

    assert asyncio.run(ask()) == 20
    assert book.rounds == [[0], [2]]


def test_who_fails_alone_costs_the_others_few_rounds() -> None:
    book = Book()

    async def ask() -> list[int | BaseException]:
        gather = Rounds[tuple[int, str], int](book.work)
        kinds = [BROKEN if number == 77 else GOOD for number in range(256)]
        return await asyncio.gather(*(gather.ask(each) for each in enumerate(kinds)), return_exceptions=True)

    answers = asyncio.run(ask())
    assert [number for number, each in enumerate(answers) if isinstance(each, Trouble)] == [77]
    assert len(book.rounds) == 1 + 2 * 8, "parted in halves"


def test_what_is_nobodys_fault_is_told_to_all_at_once() -> None:
    count = [0]

    def work(asked: Sequence[int]) -> list[int | Exception]:
        count[0] += 1
        raise Outage

    async def ask() -> list[int | BaseException]:
        gather = Rounds[int, int](work, common=(Outage,))
        return await asyncio.gather(*map(gather.ask, range(5)), return_exceptions=True)

    assert [type(each) for each in asyncio.run(ask())] == [Outage] * 5
    assert count == [1]


def test_a_stream_gathers_where_rounds_are_a_pause_apart_and_who_asks_alone_waits_for_nobody() -> None:
    book, pause_s = Book(), 0.2

    async def ask() -> tuple[float, float]:
        gather = Rounds[tuple[int, str], int](book.work, pause_s)
        begin = monotonic()
        for number in (0, 1, 2):
            await gather.ask((number, GOOD))
        alone_s = monotonic() - begin
        await asyncio.gather(gather.ask((3, GOOD)), gather.ask((4, GOOD)))
        await asyncio.gather(gather.ask((5, GOOD)), _later(gather))
        return alone_s, monotonic() - begin

    async def _later(gather: Rounds[tuple[int, str], int]) -> None:
        for _ in range(50):
            await asyncio.sleep(0)
        await gather.ask((6, GOOD))

    alone_s, all_of_it_s = asyncio.run(ask())
    assert book.rounds == [[0], [1], [2], [3, 4], [5, 6]]
    assert alone_s < pause_s <= all_of_it_s


def test_who_waits_when_the_rounds_are_stopped_is_sent_away_and_others_may_ask_again() -> None:
    book, first, go_on = Book(), threading.Event(), threading.Event()

    async def ask() -> tuple[list[int | BaseException], int]:
        gather = held(book, first, go_on)
        tasks = [asyncio.create_task(gather.ask((0, GOOD)))]
        await asyncio.to_thread(first.wait, 10)
        tasks.append(asyncio.create_task(gather.ask((1, GOOD))))
        await asyncio.sleep(0)
        assert gather._task is not None
        gather._task.cancel()
        sent = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        go_on.set()
        while not book.kept:
            await asyncio.sleep(0)  # what a thread has begun it ends
        return sent, await gather.ask((2, GOOD))

    sent, last = asyncio.run(ask())
    assert [type(each) for each in sent] == [asyncio.CancelledError] * 2
    assert last == 20
