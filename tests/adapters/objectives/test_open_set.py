"""Entropy separation: away from the line between known and unknown."""

import jax
import numpy as np
import pytest

from adapters.objectives.open_set import MARGIN, OPEN_SET
from tests.adapters.objectives.sight import domain, signals

LINE = 0.5 * np.log(3)


def two_sided(sureness):
    """Logits of three classes, of which the first is ``sureness`` ahead."""
    return np.array([[sureness, 0.0, 0.0]], np.float32)


def entropy(logits):
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return float(-(p * np.log(p)).sum())


@pytest.mark.parametrize("sureness", [0.0, 0.5, 4.0, 9.0])
def test_beyond_the_margin_it_is_the_distance_from_the_line(sureness):
    logits = two_sided(sureness)
    assert abs(entropy(logits) - LINE) > MARGIN * LINE
    found = float(OPEN_SET.loss(signals(target=domain(logits))))
    assert found == pytest.approx(-abs(entropy(logits) - LINE), rel=1e-4)


def test_a_step_makes_the_sure_surer_and_the_doubtful_more_doubtful_and_leaves_the_rest_alone():
    def slope(sureness):
        return float(jax.grad(lambda x: OPEN_SET.loss(signals(target=domain(x))))(two_sided(sureness))[0, 0])

    assert slope(4.0) < 0 < slope(0.5)
    undecided = 2.45
    assert abs(entropy(two_sided(undecided)) - LINE) < MARGIN * LINE
    assert slope(undecided) == 0
