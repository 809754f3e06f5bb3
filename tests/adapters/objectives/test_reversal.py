"""The identity forwards; backwards everything is turned round."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adapters.objectives.reversal import reversed_gradient, schedule


def test_forwards_it_is_the_identity():
    x = jnp.asarray([1.5, -2.0, 0.0])
    np.testing.assert_array_equal(reversed_gradient(x, jnp.float32(3)), x)


def test_backwards_the_sign_turns_and_the_factor_counts():
    x = jnp.asarray([1.5, -2.0])
    plain = jax.grad(lambda x: (x**2).sum())(x)
    turned = jax.grad(lambda x: (reversed_gradient(x, jnp.float32(0.25)) ** 2).sum())(x)
    np.testing.assert_allclose(turned, -0.25 * plain)


def test_only_what_comes_before_it_is_turned():
    def loss(before, after):
        return after * reversed_gradient(before**2, jnp.float32(1))

    before, after = jax.grad(loss, argnums=(0, 1))(jnp.float32(3), jnp.float32(2))
    assert (float(before), float(after)) == (-12.0, 9.0)


def test_it_works_in_lanes_and_in_compiled_programs():
    turned = jax.jit(jax.vmap(jax.grad(lambda x, factor: reversed_gradient(x, factor) * 2), (0, 0)))
    np.testing.assert_allclose(turned(jnp.ones(3), jnp.asarray([0.0, 0.5, 1.0])), [0.0, -1.0, -2.0])


@pytest.mark.parametrize(("progress", "factor"), [(0.0, 0.0), (0.1, 0.46211716), (0.5, 0.98661430), (1.0, 0.99990920)])
def test_the_schedule_is_the_papers(progress, factor):
    assert float(schedule(jnp.float32(progress))) == pytest.approx(factor, abs=1e-6)
