"""Factors that are known by definition, and that every conversion can be undone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.units import QUANTITIES, Linear, conversion
from slipway.errors import Reason, Refused


def told(value: float, line: Linear) -> float:
    return line.factor * value + line.shift


@pytest.mark.parametrize(
    ("value", "unit", "expected", "other"),
    [
        (1, "[g]", 9.80665, "m/s2"),
        (1, "g", 9.80665, "m/s2"),  # standard gravity, because the other side is an acceleration
        (1, "g", 1e-3, "kg"),  # the gram, because the other side is a mass
        (180, "deg/s", math.pi, "rad/s"),
        (1500, "mm", 1.5, "m"),
        (20, "Cel", 293.15, "K"),
        (212, "[degF]", 100, "Cel"),
        (1, "bar", 1000, "hPa"),
        (50, "uT", 0.5, "G"),
        (50, "%", 0.5, "1"),
        (3, "furlong", 3, "furlong"),  # a unit nobody knows is still itself
    ],
)
def test_known_quantities(value: float, unit: str, expected: float, other: str) -> None:
    assert told(value, conversion(unit, other)) == pytest.approx(expected, rel=1e-12)


PAIRS = [(one, other) for units in QUANTITIES.values() for one in units for other in units]


@given(st.sampled_from(PAIRS), st.floats(-1e6, 1e6))
def test_there_and_back_is_the_same_number(pair: tuple[str, str], value: float) -> None:
    there, back = conversion(*pair), conversion(*reversed(pair))
    size = max(abs(value), abs(back.shift), abs(there.shift / there.factor))
    assert told(told(value, there), back) == pytest.approx(value, abs=1e-9 * max(size, 1))


@pytest.mark.parametrize(
    ("unit", "other", "words"),
    [("m", "s", "units of different quantities"), ("furlong", "m", "no known unit 'furlong'")],
)
def test_what_cannot_be_told_is_refused_in_words(unit: str, other: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as found:
        conversion(unit, other, "channels.range")
    assert found.value.reason is Reason.FIELD_INVALID and found.value.field == "channels.range"
