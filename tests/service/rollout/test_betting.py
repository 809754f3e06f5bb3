"""A bet: what it can win, and how seldom it wins what is not so."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rollout.betting import STAKE_LIMIT, Bet

VALUES = st.lists(st.floats(0, 1), max_size=60)
LIMITS = st.floats(0.05, 0.95)


def after(limit: float, values: list[float]) -> Bet:
    bet = Bet(limit)
    for value in values:
        bet = bet.seen(value)
    return bet


@given(LIMITS, VALUES)
def test_the_capital_is_the_product_of_what_was_won(limit: float, values: list[float]) -> None:
    bet, capital = Bet(limit), 1.0
    for value in values:
        capital *= 1 + bet.stake * (value - limit)
        bet = bet.seen(value)
        assert capital > 0
    assert math.exp(bet.log_capital) == pytest.approx(capital, rel=1e-6)


@given(LIMITS, VALUES)
def test_a_stake_is_fixed_before_its_observation_and_never_all(limit: float, values: list[float]) -> None:
    bet = after(limit, values)
    assert 0 <= bet.stake <= STAKE_LIMIT / limit
    assert bet.seen(0.0).log_capital - bet.log_capital >= math.log1p(-STAKE_LIMIT) - 1e-9


@given(LIMITS, VALUES, st.floats(0, 1))
def test_a_fair_next_observation_is_expected_to_win_nothing(limit: float, values: list[float], spread: float) -> None:
    bet = after(limit, values)
    low, high = limit * (1 - spread), limit + (1 - limit) * spread  # mean ``limit``, with the chances below
    share = 0.5 if high == low else (limit - low) / (high - low)
    won = [math.exp(bet.seen(value).log_capital - bet.log_capital) for value in (low, high)]
    assert (1 - share) * won[0] + share * won[1] == pytest.approx(1.0, abs=1e-6)


def test_what_is_not_so_is_hardly_ever_shown_however_often_one_looks() -> None:
    random = np.random.default_rng(0)
    shown = 0
    for _ in range(400):
        bet, ever = Bet(0.6), False
        for value in random.binomial(1, 0.6, 300):
            bet = bet.seen(float(value))
            ever = ever or bet.shows(0.05)
        shown += ever
    assert 0 < shown <= 0.05 * 400 + 3 * math.sqrt(400 * 0.05 * 0.95)  # 0: it would show nothing at all


def test_what_is_so_is_shown_and_sooner_where_it_is_clear() -> None:
    random = np.random.default_rng(1)

    def looks(mean: float) -> int:
        bet, count = Bet(0.5), 0
        while not bet.shows(0.01):
            bet, count = bet.seen(float(np.clip(random.normal(mean, 0.1), 0, 1))), count + 1
        return count

    assert looks(0.7) < 30 < looks(0.53)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_what_lies_outside_is_no_observation(value: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Bet(0.5).seen(value)
