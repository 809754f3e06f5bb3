"""A byte budget instead of a scope."""

import pytest

from adapters.budget import candidates, widest
from adapters.catalog import scope
from adapters.scopes import free_count, int8_bytes
from slipway.errors import Reason, Refused


@pytest.mark.parametrize("budget", [24, 60, 200, 300, 700, 10_000])
def test_nothing_that_fits_has_more_numbers_to_choose(base, budget):
    chosen = widest(base, budget)
    assert int8_bytes(chosen, base) <= budget
    for other in candidates(base):
        assert int8_bytes(other, base) > budget or free_count(other, base) <= free_count(chosen, base)


def test_a_large_budget_takes_everything(base):
    assert widest(base, 10**9).text == "full"


def test_only_what_is_allowed_is_chosen(base):
    allowed = [scope("norm_affine"), scope("head")]
    assert widest(base, 10_000, allowed).text == "head"  # 51 numbers in 72 bytes, against 48 in 192
    assert widest(base, 10_000, [scope("norm_affine"), scope("film")]).text == "norm_affine"


def test_a_budget_that_nothing_fits_is_refused_with_both_numbers(base):
    with pytest.raises(Refused) as refused:
        widest(base, 5)
    assert refused.value.reason is Reason.FIELD_INVALID
    assert "budget of 5 bytes" in refused.value.message and "needs 24 bytes" in refused.value.message
    with pytest.raises(Refused):
        widest(base, 5, [])
