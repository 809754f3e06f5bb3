"""The three gains of transfer, read off two learning curves whose answer is known."""

import pytest

from adapters.receipt.gains import gains

ALONE = {1: 0.2, 10: 0.5, 100: 0.8}


def test_a_higher_start_a_flatter_curve_and_a_higher_end() -> None:
    found = gains(0.6, {1: 0.6, 10: 0.7, 100: 0.9}, ALONE)
    assert found.jumpstart == pytest.approx(0.4)
    assert found.slope == pytest.approx(0.15 - 0.3)
    assert found.asymptote == pytest.approx(0.1)
    assert found.harmful == ()


def test_labels_saved_are_read_between_two_points_on_a_logarithmic_axis() -> None:
    assert gains(0.65, ALONE, ALONE).labels_saved == pytest.approx(10**1.5)
    assert gains(0.1, ALONE, ALONE).labels_saved == 1
    assert gains(0.9, ALONE, ALONE).labels_saved is None


def test_harm_is_named_where_it_happens() -> None:
    assert gains(0.3, {1: 0.3, 10: 0.4, 100: 0.8}, ALONE).harmful == (10,)
