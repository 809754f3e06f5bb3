"""What the front layers compute, in JAX: pure functions of windows (batch, time, channels), differentiable."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nets.front_records import LEAST_GRAVITY, GravityFrame, Spectrum, VectorNorms, others
from nets.spectrum import matrices


def vector_norms(layer: VectorNorms, x: Array) -> Array:
    """(batch, time, vectors + others)."""
    norms = [_norm(_channels(x, vector)) for vector in layer.vectors]
    return jnp.concatenate([jnp.stack(norms, -1), *_rest(layer, x)], -1)


def gravity_frame(layer: GravityFrame, x: Array) -> Array:
    """(batch, time, 2 * vectors + others)."""
    vectors = jnp.stack([_channels(x, vector) for vector in layer.vectors], 2)  # (batch, time, vectors, 3)
    mean = vectors[:, :, layer.gravity].mean(1)
    down = (mean / jnp.maximum(_norm(mean), LEAST_GRAVITY)[:, None])[:, None, None]
    along = (vectors * down).sum(-1)
    return jnp.concatenate([along, _norm(vectors - along[..., None] * down), *_rest(layer, x)], -1)


def spectrum(layer: Spectrum, x: Array) -> Array:
    """(batch, frames, channels * bins)."""
    waves, bins = matrices(layer)
    count = (x.shape[1] - layer.frame) // layer.hop + 1
    places = np.arange(count)[:, None] * layer.hop + np.arange(layer.frame)
    centred = x - x.mean(1, keepdims=True)  # the waves do this better, but not on top of 9.81 in seven digits
    frames = jnp.swapaxes(centred[:, places], 2, 3)  # (batch, frames, channels, frame)
    power = jnp.square(frames @ waves) @ bins
    return jnp.log(power + layer.floor).reshape(x.shape[0], count, -1)


def corrected(x: Array, matrix: Array, offset: Array, delay: Array) -> Array:
    """x(t - delay) @ matrix + offset; exact for identity, zeros and zeros, on every processor."""
    return jnp.matmul(delayed(x, delay), matrix, precision=jax.lax.Precision.HIGHEST) + offset


def delayed(x: Array, delay: Array) -> Array:
    """x(t - delay) on straight lines between the samples, the first and the last held.

    Args:
        x: (batch, time, channels).
        delay: (channels,) or (batch, channels), in samples, of either sign; the answer has a gradient in it.
    """
    last = x.shape[1] - 1
    place = jnp.clip(jnp.arange(last + 1, dtype=x.dtype)[:, None] - delay[..., None, :], 0.0, float(last))
    before = jnp.floor(place)
    row = jnp.broadcast_to(before.astype(jnp.int32), x.shape)
    start = jnp.take_along_axis(x, row, axis=1)
    end = jnp.take_along_axis(x, jnp.minimum(row + 1, last), axis=1)
    return start + (place - before) * (end - start)


def _channels(x: Array, chosen: tuple[int, ...]) -> Array:
    return jnp.stack([x[..., channel] for channel in chosen], -1)  # slices: a gather is slow on a CPU


def _rest(layer: VectorNorms | GravityFrame, x: Array) -> list[Array]:
    rest = others(layer.vectors, x.shape[-1])
    return [_channels(x, tuple(rest))] if rest else []


def _norm(vector: Array) -> Array:
    """Euclidean norm over the last axis, whose gradient at zero is zero rather than none."""
    squares = jnp.square(vector).sum(-1)
    some = squares > 0
    return jnp.where(some, jnp.sqrt(jnp.where(some, squares, 1.0)), 0.0)
