"""Tent: the mean entropy of the answers."""

import jax
import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objectives.entropy import ENTROPY
from adapters.options import Options
from nets.inference import probabilities
from tests.adapters.objectives.sight import domain, only, signals
from tests.adapters.objectives.toys import hard
from tests.adapters.shifts import accuracy


def test_it_is_shannons_entropy():
    p = np.array([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]])
    expected = -(p * np.log(p)).sum(1).mean()
    assert float(ENTROPY.loss(signals(target=domain(np.log(p))))) == pytest.approx(expected, rel=1e-5)


def test_it_ends_at_zero_for_sure_answers_and_at_the_logarithm_for_even_ones():
    assert float(ENTROPY.loss(signals(target=domain([[80.0, 0, 0]])))) == pytest.approx(0, abs=1e-6)
    assert float(ENTROPY.loss(signals(target=domain([[5.0, 5, 5]])))) == pytest.approx(np.log(3), rel=1e-6)


def test_a_step_makes_the_likeliest_class_likelier():
    logits = np.array([[1.0, 0.2, -0.3]], np.float32)
    slope = np.asarray(jax.grad(lambda x: ENTROPY.loss(signals(target=domain(x))))(logits))
    assert slope[0].argmin() == 0


def test_with_the_batches_statistics_it_lifts_a_shifted_pool_and_makes_it_surer(base):
    pool, _ = hard(200, 1)
    test = hard(600, 2)
    options = Options(steps=30)
    adapted = adapt(
        base, scope="norm_statistics + norm_affine", objective=only(ENTROPY), target_values=pool, options=options
    ).model
    assert accuracy(adapted, *test) > accuracy(base, *test) + 0.03
    assert probabilities(adapted, pool).max(1).mean() > probabilities(base, pool).max(1).mean() + 0.05
