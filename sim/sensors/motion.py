"""The true motion of the place an inertial sensor is fixed to, and two motions to try one on."""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Motion(NamedTuple):
    """What an IMU feels."""

    orientation: jax.Array  # (time, 4), unit quaternion w x y z that turns body axes into world axes
    acceleration_m_s2: jax.Array  # (time, 3), world axes, z up, without gravity
    rotation_rad_s: jax.Array  # (time, 3), body axes


def still(sample_count: int) -> Motion:
    """Nothing moves and the body's axes are the world's: what an Allan deviation is taken of."""
    upright = jnp.tile(jnp.array([[1.0, 0.0, 0.0, 0.0]]), (sample_count, 1))
    return Motion(upright, jnp.zeros((sample_count, 3)), jnp.zeros((sample_count, 3)))


@partial(jax.jit, static_argnums=(1, 2))
def tumbling(key: jax.Array, sample_count: int, rate_hz: float) -> Motion:
    """A body that starts in any attitude, turns about a moving axis and sways, up to some rad/s and m/s2."""
    starting, turning, swaying = jax.random.split(key, 3)
    start = jax.random.normal(starting, (4,))
    rotation = 1.5 * _sway(turning, sample_count, rate_hz)
    attitude = _integrated(start / jnp.linalg.norm(start), rotation, rate_hz)
    return Motion(attitude, 3.0 * _sway(swaying, sample_count, rate_hz), rotation)


def _sway(key: jax.Array, sample_count: int, rate_hz: float) -> jax.Array:
    """Three sines an axis, of 0.2 to 2 Hz: (time, 3)."""
    phase, speed = jax.random.uniform(key, (2, 1, 3, 3))
    turns = (0.2 + 1.8 * speed) * (jnp.arange(sample_count, dtype=jnp.float32) / rate_hz)[:, None, None]
    return jnp.mean(jnp.sin(2 * math.pi * (turns + phase)), axis=1)


def _integrated(start: jax.Array, rotation_rad_s: jax.Array, rate_hz: float) -> jax.Array:
    """Attitudes (time, 4) from the first one (4,), each turned by the rotation held for a sample."""

    def onward(q: jax.Array, rotation: jax.Array) -> tuple[jax.Array, jax.Array]:
        half = rotation / (2 * rate_hz)
        angle = jnp.linalg.norm(half) + 1e-12
        s, (x, y, z) = jnp.cos(angle), half * jnp.sin(angle) / angle
        w, i, j, k = q
        after = jnp.stack([
            w * s - i * x - j * y - k * z,
            w * x + i * s + j * z - k * y,
            w * y - i * z + j * s + k * x,
            w * z + i * y - j * x + k * s,
        ])  # fmt: skip
        return after / jnp.linalg.norm(after), q

    return jax.lax.scan(onward, start, rotation_rad_s)[1]
