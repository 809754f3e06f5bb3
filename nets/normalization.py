"""Batch normalisation by the batch's own moments, with a backward pass in two sweeps over memory.

Automatic differentiation of the same formula reads the activations five times; on a CPU that costs as much as a
matrix product.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

_Kept = tuple[Array, Array, Array, Array]


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def batch_normalize(x: Array, scale: Array, offset: Array, epsilon: float) -> tuple[Array, Array, Array]:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, moments over all axes but the last.

    Args:
        x: (batch, channels) or (batch, time, channels).
        scale: (channels,).
        offset: (channels,).
        epsilon: added to the variance.

    Returns:
        The normalised array, the mean and the variance of ``x``. The moments carry no gradient.

    Reference: Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167.
    """
    return _forward(x, scale, offset, epsilon)[0]


def _forward(x: Array, scale: Array, offset: Array, epsilon: float) -> tuple[tuple[Array, Array, Array], _Kept]:
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axes)
    variance = jnp.maximum((x * x).mean(axes) - mean * mean, 0.0)
    inverse = lax.rsqrt(variance + epsilon)
    gain = inverse * scale
    return (x * gain + (offset - mean * gain), mean, variance), (x, mean, inverse, scale)


def _backward(epsilon: float, kept: _Kept, gradients: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    x, mean, inverse, scale = kept
    gradient = gradients[0]
    axes = tuple(range(x.ndim - 1))
    count = x.size // x.shape[-1]
    to_offset = gradient.sum(axes)
    to_scale = ((gradient * x).sum(axes) - mean * to_offset) * inverse
    gain = scale * inverse
    slope = -gain * inverse * to_scale / count
    return gradient * gain + x * slope - (gain * to_offset / count + slope * mean), to_scale, to_offset


batch_normalize.defvjp(_forward, _backward)
