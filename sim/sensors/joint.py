"""The true motion and load of a robot's joints, and one to try a sensor on."""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Joints(NamedTuple):
    """What sensors at a joint feel; every array (time, joints)."""

    angle_rad: jax.Array
    velocity_rad_s: jax.Array
    torque_n_m: jax.Array  # that the motor gives to its shaft


@partial(jax.jit, static_argnums=(1, 2, 3))
def swinging(key: jax.Array, sample_count: int, rate_hz: float, joint_count: int) -> Joints:
    """Every joint swings some rad to and fro, under a torque that turns with it and some that does not."""
    phase, speed, load = jax.random.uniform(key, (3, 1, joint_count))
    hertz = 2 * math.pi * (0.2 + speed)
    turn = hertz * (jnp.arange(sample_count, dtype=jnp.float32) / rate_hz)[:, None] + 2 * math.pi * phase
    angle, velocity = 2.0 * jnp.sin(turn), 2.0 * hertz * jnp.cos(turn)
    return Joints(angle, velocity, 0.5 * jnp.sin(angle) + 0.2 * velocity + load)


def row(value: jax.Array) -> jax.Array:
    """A parameter of every joint, () or (joints,), beside (time, joints): (1, joints)."""
    return jnp.reshape(value, (1, -1))


def numbered(name: str, count: int) -> tuple[str, ...]:
    """Channel names ``name`` for one joint, ``name_0``, ``name_1`` … for several."""
    return (name,) if count == 1 else tuple(f"{name}_{number}" for number in range(count))
