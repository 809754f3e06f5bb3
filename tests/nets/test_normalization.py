"""Batch normalisation's own backward pass is the one automatic differentiation finds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nets.normalization import batch_normalize


def plain(x, scale, offset, epsilon):
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    return (x - mean) / jnp.sqrt(variance + epsilon) * scale + offset


@pytest.mark.parametrize("shape", [(7, 3), (5, 6, 3), (1, 4, 3)])
def test_value_and_gradients(shape):
    keys = jax.random.split(jax.random.key(0), 4)
    x = jax.random.normal(keys[0], shape) * 2 + 1
    scale, offset = jax.random.normal(keys[1], (3,)), jax.random.normal(keys[2], (3,))
    weight = jax.random.normal(keys[3], shape)
    arguments = (x, scale, offset)
    ours = jax.value_and_grad(lambda *a: (batch_normalize(*a, 1e-5)[0] * weight).sum(), (0, 1, 2))(*arguments)
    theirs = jax.value_and_grad(lambda *a: (plain(*a, 1e-5) * weight).sum(), (0, 1, 2))(*arguments)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-4)


def test_a_constant_channel_stays_finite():
    y, mean, variance = batch_normalize(jnp.full((4, 2), 3.0), jnp.ones(2), jnp.zeros(2), 1e-5)
    assert jnp.isfinite(y).all() and (variance >= 0).all()
    np.testing.assert_allclose(mean, 3.0)
