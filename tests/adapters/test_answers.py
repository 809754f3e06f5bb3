"""How sure answers are, and how far apart."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from adapters import answers

LOGITS = st.lists(st.floats(-200, 200, width=32), min_size=3, max_size=3)


@given(LOGITS)
def test_entropy_is_between_zero_and_the_logarithm_of_the_classes(logits):
    found = float(answers.entropy(jnp.array([logits]))[0])
    assert -1e-6 <= found <= np.log(3) + 1e-5


@given(LOGITS, LOGITS)
def test_divergence_is_never_below_zero_and_zero_for_the_same(wanted, found):
    one, other = jnp.array([wanted]), jnp.array([found])
    assert float(answers.divergence(one, other)[0]) >= -1e-5
    assert float(answers.divergence(one, one)[0]) == 0


@given(LOGITS, LOGITS)
def test_slopes_are_finite_however_sure_the_answers(wanted, found):
    one, other = jnp.array([wanted]), jnp.array([found])
    slopes = jax.grad(lambda x: answers.divergence(one, x).sum() + answers.entropy(x).sum())(other)
    assert np.isfinite(slopes).all()


def test_departure_is_zero_at_the_marginal_and_the_divergence_else():
    p = jnp.array([[0.9, 0.1], [0.5, 0.5]])
    assert abs(float(answers.departure(p, jnp.array([0.7, 0.3])))) < 1e-6
    expected = 0.7 * np.log(0.7 / 0.4) + 0.3 * np.log(0.3 / 0.6)
    np.testing.assert_allclose(answers.departure(p, jnp.array([0.4, 0.6])), expected, rtol=1e-5)


def test_a_regressions_distance_is_that_of_two_normal_distributions():
    labels, scale = jnp.full((1, 2), jnp.nan), jnp.array([2.0, 0.1])
    found = answers.apart(jnp.array([[0.0, 0.0]]), jnp.array([[2.0, 0.3]]), labels, scale)
    np.testing.assert_allclose(found, [0.5 * (1 + 9) / 2], rtol=1e-5)
