"""Vectors and unit quaternions as tuples of numbers, or of arrays of one shape: a compiler sees through them.

(Stacked into one array, a chain of products makes XLA work out every component anew for each that follows.)

Reference: Solà, Quaternion kinematics for the error-state Kalman filter, 2017, https://arxiv.org/abs/1711.02508.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Vector(NamedTuple):
    """Three components of any one shape."""

    x: jax.Array
    y: jax.Array
    z: jax.Array


class Turn(NamedTuple):
    """A unit quaternion that turns body axes into world axes."""

    w: jax.Array
    x: jax.Array
    y: jax.Array
    z: jax.Array


def about_x(angle: jax.Array) -> Turn:
    """Turn about x by ``angle`` rad."""
    zero = jnp.zeros_like(angle)
    return Turn(jnp.cos(angle / 2), jnp.sin(angle / 2), zero, zero)


def about_y(angle: jax.Array) -> Turn:
    """Turn about y by ``angle`` rad."""
    zero = jnp.zeros_like(angle)
    return Turn(jnp.cos(angle / 2), zero, jnp.sin(angle / 2), zero)


def about_z(angle: jax.Array) -> Turn:
    """Turn about z by ``angle`` rad."""
    zero = jnp.zeros_like(angle)
    return Turn(jnp.cos(angle / 2), zero, zero, jnp.sin(angle / 2))


def compose(first: Turn, *others: Turn) -> Turn:
    """The product: the last turn first, each in the axes of the one before it."""
    a, b, c, d = first
    for w, x, y, z in others:
        a, b, c, d = (
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        )
    return Turn(a, b, c, d)


def inverse(turn: Turn) -> Turn:
    """The turn back."""
    return Turn(turn.w, -turn.x, -turn.y, -turn.z)


def rotate(turn: Turn, vector: Vector) -> Vector:
    """A vector of body axes, in world axes."""
    w, x, y, z = turn
    a, b, c = vector
    u, v, t = 2 * (y * c - z * b), 2 * (z * a - x * c), 2 * (x * b - y * a)
    return Vector(a + w * u + y * t - z * v, b + w * v + z * u - x * t, c + w * t + x * v - y * u)


def add(*vectors: Vector) -> Vector:
    """The sum."""
    x, y, z = (sum(parts[1:], parts[0]) for parts in zip(*vectors, strict=True))
    return Vector(x, y, z)


def rate(before: Turn, after: Turn, seconds: float) -> Vector:
    """Mean rotation rate in body axes, rad/s, from one orientation to another less than half a turn away."""
    w, x, y, z = compose(inverse(before), after)
    sine = jnp.sqrt(x * x + y * y + z * z + 1e-16)
    angle = 2 * jnp.arctan2(sine, jnp.abs(w)) * jnp.sign(w)
    scale = angle / sine / seconds
    return Vector(x * scale, y * scale, z * scale)
