"""What is kept in memory: versions within a limit, and what channels point at for a moment."""

import asyncio
from dataclasses import dataclass
from threading import Event

import pytest

from service.inference.pointers import Pointers
from service.inference.sessions import Sessions


@dataclass(frozen=True)
class Thing:
    key: str
    size_bytes: int = 10


class Shop:
    """Makes things and remembers which; some cannot be made."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.lacking: set[str] = set()

    async def make(self, key: str) -> Thing:
        await asyncio.sleep(0)
        self.made.append(key)
        if key in self.lacking:
            raise LookupError(key)
        return Thing(key, 10 * len(key))


async def test_many_who_ask_at_once_cause_one_load() -> None:
    shop = Shop()
    sessions = Sessions(shop.make, 100)
    found = await asyncio.gather(*(sessions.get("a") for _ in range(10)))
    assert shop.made == ["a"] and all(each is found[0] for each in found)


async def test_the_one_used_longest_ago_makes_room() -> None:
    shop = Shop()
    sessions = Sessions(shop.make, 30)
    for key in ("a", "b", "c"):
        await sessions.get(key)
    assert sessions.at_hand("a") is not None
    await sessions.get("d")
    assert sessions.held == ("c", "a", "d")
    await sessions.get("ee")
    assert sessions.held == ("d", "ee")
    assert sessions.at_hand("a") is None
    await sessions.get("toolarge")
    assert sessions.held == ("toolarge",)


async def test_a_failed_load_is_tried_again_and_fails_all_who_waited() -> None:
    shop = Shop()
    shop.lacking.add("a")
    sessions = Sessions(shop.make, 30)
    found = await asyncio.gather(sessions.get("a"), sessions.get("a"), return_exceptions=True)
    assert [type(each) for each in found] == [LookupError, LookupError] and shop.made == ["a"]
    shop.lacking.clear()
    assert (await sessions.get("a")).key == "a"


async def test_one_who_leaves_does_not_stop_the_load_for_others() -> None:
    sessions = Sessions(Shop().make, 30)
    gone, stays = (asyncio.create_task(sessions.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).key == "a"


class Catalogue:
    """Says what channels point at, counts how often, and can be made to wait."""

    def __init__(self) -> None:
        self.number = 1
        self.asked = 0
        self.open = Event()
        self.open.set()

    def ask(self, key: tuple[str, str]) -> int:
        self.asked += 1
        number = self.number
        self.open.wait(30)
        if number < 0:
            raise LookupError(key)
        return number


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


KEY = ("rover", "stable")


async def settle(catalogue: Catalogue, count: int) -> None:
    """Let a question that runs beside end."""
    while catalogue.asked < count:
        await asyncio.sleep(0)
    for _ in range(200):
        await asyncio.sleep(0.0001)


async def test_a_fresh_answer_asks_nobody() -> None:
    catalogue, clock = Catalogue(), Clock()
    pointers = Pointers(catalogue.ask, 1.0, clock)
    assert pointers.at_hand(KEY) is None
    assert await asyncio.gather(*(pointers.number(KEY) for _ in range(9))) == [1] * 9
    clock.now += 0.9
    assert pointers.at_hand(KEY) == 1 and catalogue.asked == 1


async def test_an_old_answer_serves_while_the_catalogue_is_asked_beside() -> None:
    catalogue, clock = Catalogue(), Clock()
    pointers = Pointers(catalogue.ask, 1.0, clock)
    await pointers.number(KEY)
    catalogue.number = 2
    catalogue.open.clear()
    clock.now += 1.5
    assert await pointers.number(KEY) == 1, "at once, though the catalogue does not answer"
    catalogue.open.set()
    await settle(catalogue, 2)
    assert pointers.at_hand(KEY) == 2 and catalogue.asked == 2


async def test_a_stale_answer_is_not_given() -> None:
    catalogue, clock = Catalogue(), Clock()
    pointers = Pointers(catalogue.ask, 1.0, clock)
    await pointers.number(KEY)
    catalogue.number = 2
    clock.now += 2.0
    assert pointers.at_hand(KEY) is None
    assert await pointers.number(KEY) == 2


async def test_a_channel_that_is_gone_is_forgotten() -> None:
    catalogue, clock = Catalogue(), Clock()
    pointers = Pointers(catalogue.ask, 1.0, clock)
    await pointers.number(KEY)
    catalogue.number = -1
    clock.now += 1.5
    assert await pointers.number(KEY) == 1
    await settle(catalogue, 2)
    with pytest.raises(LookupError):
        await pointers.number(KEY)


async def test_those_asked_first_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.inference.pointers.KNOWN_LIMIT", 2)
    catalogue = Catalogue()
    pointers = Pointers(catalogue.ask, 1.0, Clock())
    keys = [("rover", f"channel-{n}") for n in range(3)]
    assert [await pointers.number(key) for key in keys] == [1] * 3
    assert [pointers.at_hand(key) for key in keys] == [None, 1, 1]
