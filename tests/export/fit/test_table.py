"""The front, the table and the plot of a search."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.fit.cost import Cost
from export.fit.front import plot
from export.fit.profile import Profile
from export.fit.table import HEAD, Row, on_front, table

PROFILE = Profile("small", 90_000, 16_000, 1e6, 0.5)


def row(name: str, accuracy: float | None, flash: int, instructions: int, int8: float | None = None) -> Row:
    return Row(name, Cost(flash, 5_000, instructions), "tried", 100, accuracy, int8)


ROWS = (
    row("large", 0.95, 80_000, 4_000_000, 0.94),
    row("small", 0.90, 20_000, 1_000_000),
    row("beaten", 0.89, 21_000, 1_000_000),
    row("quick", 0.80, 30_000, 100_000),
    row("untried", None, 10_000, 10_000),
)
SMALL_ROWS = st.builds(row, st.just("a"), st.floats(0, 1), st.integers(1, 5), st.integers(1, 5))


def test_the_front_is_what_nobody_beats_by_accuracy_bytes_or_instructions() -> None:
    assert on_front(ROWS) == [True, True, False, True, False]


def test_what_int8_lost_counts() -> None:
    worse = row("large", 0.95, 80_000, 4_000_000, int8=0.85)
    assert on_front([worse, ROWS[1]]) == [False, True]


@given(st.lists(SMALL_ROWS, min_size=1, max_size=8))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_whatever_is_not_on_the_front_is_beaten_by_something_that_is(rows: list[Row]) -> None:
    marks = on_front(rows)
    front = [one for one, mark in zip(rows, marks, strict=True) if mark]
    assert front
    for one, mark in zip(rows, marks, strict=True):
        as_good = [
            other
            for other in front
            if other.accuracy >= one.accuracy  # type: ignore[operator]
            and other.cost.flash_bytes <= one.cost.flash_bytes
            and other.cost.instructions <= one.cost.instructions
        ]
        assert mark or as_good


def test_the_table_begins_with_the_most_accurate_and_ends_with_the_untried() -> None:
    lines = table(ROWS, PROFILE).splitlines()
    names = [line.split("|")[1].strip() for line in lines[2:]]
    assert names == ["large", "small", "beaten", "quick", "untried"]
    assert {line.count("|") for line in lines} == {len(HEAD) + 1}
    assert "| 80.0 | 5.0 | 4.00 | 4000.0 | 100 | 0.9500 | 0.9400 | × |" in lines[2]


def test_rows_are_plain_json() -> None:
    assert json.loads(json.dumps(ROWS[0].to_json()))["cost"]["flash_bytes"] == 80_000


@pytest.mark.parametrize("base", [None, (208_000, 0.96)])
def test_the_plot_is_a_picture_of_those_that_were_tried(base: tuple[int, float] | None) -> None:
    drawn = plot(ROWS, PROFILE, base=base)
    assert drawn.startswith(b"\x89PNG")
    assert drawn != plot(ROWS[:2], PROFILE, base=base)
    assert drawn == plot(ROWS[:4], PROFILE, base=base)
