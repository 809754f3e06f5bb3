"""The exact log-mel front in JAX: one operation at a time, never compiled together.

A compiler that sees a product and a sum may round them once instead of twice, and one that sees a division by the same
number everywhere may multiply by its reciprocal. Neither can happen between operations that it sees one by one.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from export import exact_mel as e
from export.exact_mel import ExactMel
from export.steps import Floats


def apply(step: ExactMel, values: Floats) -> Floats:
    """What ``step`` makes of a batch (batch, 1, time): logarithms (batch, bands, frames); as ``exact_mel.apply``."""
    entered = jnp.asarray(values)
    samples = _whole(entered, lax.abs(entered), e.SAMPLE_LIMIT, e.QUIET)
    frames = _frames(samples, step.cosines.shape[2], step.hop)
    real, imaginary = (_sums("bsf,ks->bkf", frames, waves[:, 0]) for waves in (step.cosines, step.sines))
    power = lax.add(lax.mul(real, real), lax.mul(imaginary, imaginary))
    whole = _whole(power, power, e.POWER_LIMIT, e.TINY).astype(jnp.int32)
    halves = (whole >> e.HALF.bit_length() - 1, whole & (e.HALF - 1))
    high, low = (_sums("bkf,mk->bmf", half.astype(jnp.float32), step.bands[:, :, 0]) for half in halves)
    shares = _shares(step, lax.add(_scaled(high, e.HALF), low))
    return np.asarray(_logarithm(lax.add(shares, jnp.full_like(shares, step.floor))))


def _frames(samples: Array, length: int, hop: int) -> Array:
    """(batch, sample of a frame, frames)."""
    count = (samples.shape[2] - length) // hop + 1
    return samples[:, 0, np.arange(length)[:, None] + hop * np.arange(count)]


def _sums(axes: str, values: Array, weights: Floats) -> Array:
    return jnp.einsum(axes, values, weights, precision=lax.Precision.HIGHEST)  # whole numbers: exact in any order


def _shares(step: ExactMel, bands: Array) -> Array:
    count = bands.shape[2]
    scaled = lax.mul(bands, _unit(bands, step.band_limit, e.TINY))
    rows = jnp.sum(jnp.rint(scaled).astype(jnp.int32), axis=1, keepdims=True).astype(jnp.float32)
    cut = jnp.rint(_scaled(rows, 2.0 ** -e.fold_shift(count))).astype(jnp.int32)
    total = jnp.sum(cut, axis=2, keepdims=True).astype(jnp.float32)
    level = lax.max(_scaled(total, e.level_share(step, count)), jnp.full_like(total, e.TINY))
    return lax.div(scaled, jnp.broadcast_to(level, scaled.shape))


def _logarithm(values: Array) -> Array:
    root, one = values, jnp.ones_like(values)
    for _ in range(e.ROOTS):
        root = lax.sqrt(root)
    part = lax.div(lax.sub(root, one), lax.add(root, one))
    square = lax.mul(part, part)
    first, third, fifth = (jnp.full_like(values, number) for number in e.SERIES)
    inner = lax.add(lax.mul(square, fifth), third)
    return lax.mul(part, lax.add(lax.mul(square, inner), first))


def _whole(values: Array, sizes: Array, limit: int, least: float) -> Array:
    return jnp.clip(jnp.rint(lax.mul(values, _unit(sizes, limit, least))), -limit, limit)


def _unit(sizes: Array, limit: int, least: float) -> Array:
    largest = jnp.max(sizes, axis=(1, 2), keepdims=True)
    unit = lax.div(jnp.full_like(largest, limit), lax.max(largest, jnp.full_like(largest, least)))
    return jnp.broadcast_to(unit, sizes.shape)


def _scaled(values: Array, factor: float | np.float32) -> Array:
    return lax.mul(values, jnp.full_like(values, factor))
