"""Covariances against NumPy's, and equation 1 of the paper."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from adapters.objectives.coral import CORAL, covariance
from tests.adapters.objectives.two_domains import check_finite, degenerate, gradients, seen


def test_the_covariance_is_the_unbiased_one():
    x = np.random.default_rng(0).standard_normal((12, 3)) @ np.diag([1, 2, 5]) + 7
    np.testing.assert_allclose(covariance(jnp.asarray(x, jnp.float32)), np.cov(x.T), rtol=1e-4, atol=1e-4)


def test_a_gain_costs_what_equation_1_says():
    source = np.random.default_rng(0).standard_normal((40, 2))
    expected = np.square(np.cov(source.T) * (1 - 9)).sum() / (4 * 2**2)
    assert float(CORAL.loss(seen(source, source * 3 + 1))) == pytest.approx(expected, rel=1e-4)


def test_the_gradient_shrinks_a_target_that_varies_too_much():
    source = np.random.default_rng(0).standard_normal((40, 2))
    target = np.random.default_rng(1).standard_normal((40, 2)) * 3
    before = CORAL.loss(seen(source, target))
    target = target - 0.5 * np.asarray(gradients(CORAL, source, target, {})[1][1])
    assert CORAL.loss(seen(source, target)) < before


@given(degenerate())
@settings(max_examples=40)
def test_no_batch_gives_a_number_that_is_not_finite(batch):
    check_finite(CORAL, *batch)
