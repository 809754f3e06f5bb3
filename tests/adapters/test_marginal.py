"""Class shares of a pool that nobody labelled."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from adapters import marginal
from nets.inference import probabilities
from tests.nets.tasks import waves

EVEN = np.full(3, 1 / 3)


def test_a_label_shift_is_found_half_way(base):
    shares = np.array([0.8, 0.15, 0.05])
    values, labels = waves(800, 7, tuple(shares))
    found = marginal.estimate(probabilities(base, values), EVEN)
    real = np.bincount(labels) / len(labels)
    assert np.abs(found - (real + EVEN) / 2).max() < 0.05


@given(st.lists(st.lists(st.floats(0.001, 1), min_size=3, max_size=3), min_size=1, max_size=20))
def test_shares_are_shares_and_none_is_impossible(rows):
    chances = np.array(rows, np.float32)
    chances /= chances.sum(1, keepdims=True)
    found = marginal.estimate(chances, EVEN)
    assert abs(found.sum() - 1) < 1e-9
    assert (found >= marginal.FLOOR / 3 * 0.99).all()


def test_labels_are_counted_and_none_means_even():
    np.testing.assert_allclose(marginal.counted(np.array([0, 0, 1, -1]), 2), [2 / 3, 1 / 3])
    np.testing.assert_allclose(marginal.counted(np.array([-1, -1]), 2), [0.5, 0.5])
