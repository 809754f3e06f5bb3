"""What another device of the same kind could have read: windows as other mountings, gains, biases and clocks give them.

A net that learned from such windows leans on nothing that a mounting or a cheap sensor can change. Pure JAX, so that it
runs inside the compiled step, anew for every batch.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import pi
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from nets.front import vectors_of
from nets.front_math import delayed
from nets.front_records import Vectors
from nets.windows import pad_rows
from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec
from slipway.windows import Values

# Largest bias and deviation of the noise by UCUM unit: a consumer inertial sensor's, uncalibrated.
BIASES = {"m/s2": 0.5, "[g]": 0.05, "rad/s": 0.05, "deg/s": 3.0}
NOISES = {"m/s2": 0.1, "[g]": 0.01, "rad/s": 0.02, "deg/s": 1.0}
CHUNK = 1024  # windows in one call of the compiled program
_TABLE_SIZE = 256


@dataclass(frozen=True)
class Augmentation:
    """How far devices may differ. Every window gets one device, drawn evenly within these ranges.

    Args:
        channels: how many a window has.
        vectors: the x, y and z of each vector: all of a window turn together.
        rotation_rad: largest angle of the mounting's rotation; among those it reaches every one is as likely, so pi is
            any mounting at all.
        gain_share: largest error of a channel's gain, as a share.
        bias: (channels,), largest bias, in each channel's unit; empty is none.
        noise: (channels,), largest deviation of white noise, in each channel's unit; empty is none.
        delay_samples: largest shift of a channel in time, early or late.

    Raises:
        Refused: FIELD_INVALID.
    """

    channels: int
    vectors: Vectors = ()
    rotation_rad: float = 0.0
    gain_share: float = 0.0
    bias: tuple[float, ...] = ()
    noise: tuple[float, ...] = ()
    delay_samples: float = 0.0

    def __post_init__(self) -> None:
        for name in ("vectors", "bias", "noise"):  # JSON knows lists only, and a value that compiles must hash
            object.__setattr__(self, name, _as_tuples(getattr(self, name)))
        named = [channel for vector in self.vectors for channel in vector]
        apart = len(set(named)) == len(named) and set(named) <= set(range(self.channels))
        _need(apart and all(len(v) == 3 for v in self.vectors), "vectors", "needs three channels each", self.vectors)
        _need(0 <= self.rotation_rad <= pi, "rotation_rad", "needs 0 to pi", self.rotation_rad)
        _need(0 <= self.gain_share < 1, "gain_share", "needs 0 to below 1", self.gain_share)
        _need(0 <= self.delay_samples < float("inf"), "delay_samples", "needs 0 or more", self.delay_samples)
        for name in ("bias", "noise"):
            found = getattr(self, name)
            fits = len(found) in (0, self.channels) and all(0 <= one < float("inf") for one in found)
            _need(fits, name, "needs a number of 0 or more for each channel, or none", found)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``from_json`` is its inverse."""
        return asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "Augmentation":
        """Read what ``to_json`` wrote.

        Raises:
            Refused: FIELD_INVALID.
        """
        try:
            return Augmentation(**value)
        except TypeError as error:
            known = ", ".join(Augmentation.__dataclass_fields__)
            raise Refused(
                Reason.FIELD_INVALID,
                field="augmentation",
                problem=str(error),
                found=sorted(value) if isinstance(value, Mapping) else repr(value),
                remedy=f"Use the fields {known}.",
            ) from error


def for_sensor(
    sensor: SensorSpec, *, rotation_rad: float = pi, gain_share: float = 0.05, delay_samples: float = 0.5
) -> Augmentation:
    """What devices with such a sensor may differ by: any mounting if it has vectors, biases and noise by the units.

    Args:
        sensor: its channels' names say which of them are vectors, its units how large an error is.
        rotation_rad: largest angle of the mounting, where there are vectors.
        gain_share: largest error of a gain.
        delay_samples: largest shift in time; windows of one sample have none.
    """
    vectors = vectors_of(sensor)
    units = [channel.unit for channel in sensor.channels]
    return Augmentation(
        len(units),
        vectors,
        rotation_rad=rotation_rad if vectors else 0.0,
        gain_share=gain_share,
        bias=tuple(BIASES.get(unit, 0.0) for unit in units),
        noise=tuple(NOISES.get(unit, 0.0) for unit in units),
        delay_samples=delay_samples if sensor.window_length > 1 else 0.0,
    )


def check_fits(augmentation: Augmentation, sensor: SensorSpec) -> None:
    """Refuse an augmentation of windows unlike the sensor's.

    Raises:
        Refused: FIELD_INVALID.
    """
    count = len(sensor.channels)
    _need(augmentation.channels == count, "channels", f"needs the sensor's {count} channels", augmentation.channels)


def augmented(key: Array, values: Array, augmentation: Augmentation) -> Array:
    """Windows as other devices would have read them.

    Args:
        key: the same key gives the same windows.
        values: (batch, time, channels), in the sensor's units.
        augmentation: the ranges; static, one compiled program each.

    Returns:
        (batch, time, channels): turned, then late, then with gain, bias and noise, as in a sensor.
    """
    turning, timing, scaling, leaning, hissing = jax.random.split(key, 5)
    shape = (len(values), augmentation.channels)
    if augmentation.vectors and augmentation.rotation_rad:
        values = _turned(rotations(turning, len(values), augmentation.rotation_rad), values, augmentation.vectors)
    if augmentation.delay_samples:
        values = delayed(values, augmentation.delay_samples * _even(timing, shape))
    if augmentation.gain_share:
        values = values * (1 + augmentation.gain_share * _even(scaling, shape))[:, None]
    if any(augmentation.bias):
        values = values + (_row(augmentation.bias) * _even(leaning, shape))[:, None]
    if any(augmentation.noise):
        amount, white = jax.random.split(hissing)
        deviation = _row(augmentation.noise) * jax.random.uniform(amount, shape)
        values = values + deviation[:, None] * jax.random.normal(white, values.shape)
    return values


def drawn(seed: int, values: Values, augmentation: Augmentation) -> Values:
    """One ``augmented`` draw of many windows (count, time, channels)."""
    keys = jax.random.split(jax.random.key(seed), -(-len(values) // CHUNK))
    parts = [values[at : at + CHUNK] for at in range(0, len(values), CHUNK)]
    found = [_augmented(key, pad_rows(part, CHUNK), augmentation) for key, part in zip(keys, parts, strict=True)]
    return np.concatenate([np.asarray(one)[: len(part)] for one, part in zip(found, parts, strict=True)])


_augmented = jax.jit(augmented, static_argnums=2)


def rotations(key: Array, count: int, limit_rad: float) -> Array:
    """Rotation matrices (count, 3, 3), evenly among all of at most ``limit_rad``.

    The angle's density in SO(3) is 1 - cos, its axis is even on the sphere (Miles 1965,
    https://doi.org/10.1093/biomet/52.3-4.636).
    """
    turning, pointing = jax.random.split(key)
    angles = np.linspace(0.0, limit_rad, _TABLE_SIZE)
    below = (angles - np.sin(angles)) / (limit_rad - np.sin(limit_rad))
    table, places = jnp.asarray(angles, jnp.float32), jnp.asarray(below, jnp.float32)
    angle = jnp.interp(jax.random.uniform(turning, (count,)), places, table)[:, None, None]
    axis = jax.random.normal(pointing, (count, 3))
    x, y, z = (axis / jnp.linalg.norm(axis, axis=1, keepdims=True)).T
    zero = jnp.zeros_like(x)
    cross = jnp.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(count, 3, 3)
    return jnp.eye(3)[None] + jnp.sin(angle) * cross + (1 - jnp.cos(angle)) * (cross @ cross)  # Rodrigues


def _turned(matrices: Array, values: Array, vectors: Vectors) -> Array:
    columns = [values[..., channel] for channel in range(values.shape[-1])]
    for vector in vectors:
        before = [columns[channel] for channel in vector]
        for row, channel in enumerate(vector):
            a, b, c = matrices[:, row, :, None].swapaxes(0, 1)
            columns[channel] = a * before[0] + b * before[1] + c * before[2]
    return jnp.stack(columns, -1)


def _even(key: Array, shape: tuple[int, int]) -> Array:
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)


def _row(numbers: tuple[float, ...]) -> Array:
    return jnp.asarray(numbers, jnp.float32)[None]


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(one) for one in value) if isinstance(value, list | tuple) else value


def _need(condition: bool, name: str, problem: str, found: object) -> None:
    if not condition:
        remedy = "See nets.augmentation.Augmentation for what each field takes."
        field = f"augmentation.{name}"
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=repr(found), remedy=remedy)
