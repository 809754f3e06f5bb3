"""What may be wrong with a sensor, in a dozen numbers, and the correction that undoes it.

A device reads, at time t and in its own channels,

    reading_c(t) = gain_c · (R true)_c(t - lag_c) + bias_c,

where R turns every vector of channels x, y, z alike: the device is mounted rotated by R. The layer ``Correct`` gives
the true signal back: reading(t + lag) @ matrix + offset.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from nets.front import vectors_of
from slipway.spec import SensorSpec

Floats = npt.NDArray[np.float64]
Vectors = tuple[tuple[int, ...], ...]
ORTHOGONAL = 1e-3  # a matrix whose rows, scaled to 1, miss being a rotation by less is a gain and a rotation


@dataclass(frozen=True, eq=False)
class Fault:
    """A sensor's fault.

    Args:
        rotation_rad: (3,), rotation vector R of the device; zeros without vectors.
        gain: (channels,), over 0.
        bias: (channels,), in the channels' units.
        lag: (channels,), in samples; how much later a channel reads.
    """

    rotation_rad: Floats
    gain: Floats
    bias: Floats
    lag: Floats

    @property
    def found(self) -> bool:
        """Whether there is any."""
        return bool(self.rotation_rad.any() or (self.gain != 1).any() or self.bias.any() or self.lag.any())


def no_fault(channels: int) -> Fault:
    """The fault of a sound sensor."""
    return Fault(np.zeros(3), np.ones(channels), np.zeros(channels), np.zeros(channels))


def groups(sensor: SensorSpec) -> Vectors:
    """Channels that share a clock: each vector, then the others by unit."""
    vectors = vectors_of(sensor)
    taken = {channel for vector in vectors for channel in vector}
    rest: dict[str, list[int]] = {}
    for index, channel in enumerate(sensor.channels):
        if index not in taken:
            rest.setdefault(channel.unit, []).append(index)
    return (*vectors, *(tuple(group) for group in rest.values()))


def lagging_groups(sensor: SensorSpec) -> Vectors:
    """The groups that may lag: all but the first, which is the clock; none where a window is one sample."""
    return groups(sensor)[1:] if sensor.window_length > 1 else ()


def rotation_matrix(vector: Array) -> Array:
    """(3, 3) of a rotation vector (3,), by Rodrigues' formula; the exact identity at zero, with a gradient there."""
    x, y, z = vector
    zero = jnp.zeros_like(x)
    cross = jnp.stack([jnp.stack([zero, -z, y]), jnp.stack([z, zero, -x]), jnp.stack([-y, x, zero])])
    square = (vector * vector).sum()
    small = square < 1e-8
    angle = jnp.sqrt(jnp.where(small, 1.0, square))
    first = jnp.where(small, 1 - square / 6, jnp.sin(angle) / angle)
    second = jnp.where(small, 0.5 - square / 24, (1 - jnp.cos(angle)) / (angle * angle))
    return jnp.eye(3, dtype=vector.dtype) + first * cross + second * jnp.matmul(cross, cross, precision="highest")


def rotation_vector(matrix: Floats) -> Floats:
    """(3,) of a rotation matrix (3, 3), of length 0 to π: the inverse of ``rotation_matrix``."""
    # Through the unit quaternion (w, x, y, z), by its largest component: safe near a half turn.
    m = matrix
    squares = np.array([1 + m[0, 0] + m[1, 1] + m[2, 2], *(1 + 2 * m[i, i] - np.trace(m) for i in range(3))])
    rows = np.array(
        [
            [squares[0], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], squares[1], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], squares[2], m[1, 2] + m[2, 1]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], squares[3]],
        ]
    )
    quaternion = rows[int(squares.argmax())]
    quaternion = quaternion / np.linalg.norm(quaternion) * (-1 if quaternion[0] < 0 else 1)
    sine = np.linalg.norm(quaternion[1:])
    return np.asarray(quaternion[1:] * (2 * np.arctan2(sine, quaternion[0]) / sine if sine > 1e-12 else 2.0))


def correction(
    rotation: Array, log_gain: Array, bias: Array, lag: Array, vectors: Vectors
) -> tuple[Array, Array, Array]:
    """Matrix (channels, channels), offset and delay (channels,) of the layer ``Correct`` that undoes a fault."""
    turn = rotation_matrix(rotation)
    turned = jnp.eye(len(log_gain), dtype=log_gain.dtype)
    for vector in vectors:
        turned = turned.at[jnp.ix_(jnp.asarray(vector), jnp.asarray(vector))].set(turn)
    inverse = jnp.exp(-log_gain)
    return inverse[:, None] * turned, jnp.matmul(-bias * inverse, turned, precision="highest"), -lag


def arrays_of(fault: Fault, sensor: SensorSpec) -> dict[str, npt.NDArray[np.float32]]:
    """``matrix``, ``offset`` and ``delay`` that undo ``fault``."""
    rotation, log_gain, bias, lag = (
        jnp.asarray(array, jnp.float32) for array in (fault.rotation_rad, np.log(fault.gain), fault.bias, fault.lag)
    )
    matrix, offset, delay = correction(rotation, log_gain, bias, lag, vectors_of(sensor))
    return {"matrix": np.asarray(matrix), "offset": np.asarray(offset), "delay": np.asarray(delay)}


def fault_of(
    matrix: npt.NDArray[np.float32],
    offset: npt.NDArray[np.float32],
    delay: npt.NDArray[np.float32],
    sensor: SensorSpec,
) -> Fault | None:
    """The fault that a correction undoes, or None where no such fault has this correction."""
    found = matrix.astype(np.float64)
    size = np.linalg.norm(found, axis=1)
    if not size.all():
        return None
    turned = found / size[:, None]
    vectors = vectors_of(sensor)
    blocks = [turned[np.ix_(vector, vector)] for vector in vectors]
    turn = blocks[0] if blocks else np.eye(3)
    expected = np.eye(len(found))
    for vector in vectors:
        expected[np.ix_(vector, vector)] = turn
    proper = np.abs(turn @ turn.T - np.eye(3)).max() < ORTHOGONAL and np.linalg.det(turn) > 0
    if not proper or np.abs(turned - expected).max() > ORTHOGONAL:
        return None
    bias = -np.linalg.solve(found.T, offset.astype(np.float64))
    return Fault(rotation_vector(turn), np.asarray(1 / size), np.asarray(bias), -delay.astype(np.float64))
