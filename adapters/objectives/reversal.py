"""One backward pass for two opponents: the identity, whose gradient is turned round.

What comes after it descends the loss; what comes before it ascends the same loss, by ``factor`` times as much.

Reference: Ganin et al. 2016, https://arxiv.org/abs/1505.07818: R(x) = x, dR/dx = -I, and the schedule of its factor.
"""

import jax
import jax.numpy as jnp
from jax import Array

STEEPNESS = 10.0  # of the schedule, as in the paper: 0.46 after a tenth of the steps, 0.99 after half of them


@jax.custom_vjp
def reversed_gradient(x: Array, factor: Array) -> Array:
    """``x``; its gradient comes back times ``-factor``.

    Args:
        x: of any shape.
        factor: (), 0 or more; gets no gradient itself.
    """
    return x


def _forward(x: Array, factor: Array) -> tuple[Array, Array]:
    return x, factor


def _backward(factor: Array, gradient: Array) -> tuple[Array, Array]:
    return -factor * gradient, jnp.zeros_like(factor)


reversed_gradient.defvjp(_forward, _backward)


def schedule(progress: Array) -> Array:
    """2 / (1 + exp(-10 p)) - 1, from 0 to 1: the features listen to an opponent only once it has learned something.

    Args:
        progress: share of all steps that are done.
    """
    return 2 / (1 + jnp.exp(-STEEPNESS * progress)) - 1
