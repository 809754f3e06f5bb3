"""A cheap logger of a foot's IMU: a bracket, a low-pass, and a reader that is slower than the log.

The bracket is fixed to the shank at the foot; its axes point backward (x), down the shank (y) and right (z) when the
leg hangs. What the IMU read goes through a digital low-pass of first order. The reader fetches a value every so many
rows, and now and then earlier; all rows in between repeat the last one.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from sim.legged.flight import Feet
from sim.priors import Distribution, LogUniform, Parameter, Parameters, Uniform
from sim.sensor import Key, Sensor
from sim.sensors.imu import Motion

PARAMETERS = (
    Parameter("bandwidth_hz", "Hz", 1.0, 1000.0, "corner of the IMU's low-pass"),
    Parameter("refresh_samples", "1", 1.0, 50.0, "rows from one value of the IMU to the next, as a rule"),
    Parameter("early_share", "1", 0.0, 1.0, "share of values that come earlier, after any number of rows"),
)
DISTRIBUTIONS: dict[str, Distribution] = {
    "bandwidth_hz": LogUniform(10.0, 100.0),
    "refresh_samples": Uniform(4.5, 6.0),
    "early_share": Uniform(0.2, 0.45),
}
BRACKET = np.asarray([[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, -1.0, 0.0]])  # rows: its axes in the shank's
_BRACKET = (0.0, 0.0, -(0.5**0.5), 0.5**0.5)  # the same as a quaternion, bracket to shank


def motion(feet: Feet) -> Motion:
    """What the brackets feel, (..., time, 3 or 4) float32."""
    (w, x, y, z), (a, b, c, d) = np.moveaxis(feet.orientation, -1, 0), _BRACKET
    turned = (w * a - x * b - y * c - z * d, w * b + x * a + y * d - z * c,
              w * c - x * d + y * a + z * b, w * d + x * c - y * b + z * a)  # fmt: skip
    single = partial(np.asarray, dtype=np.float32)
    return Motion(
        single(np.stack(turned, axis=-1)), single(feet.acceleration_m_s2), single(feet.rotation_rad_s @ BRACKET.T)
    )


def logged(imu: Sensor, key: Key, felt: Motion, parameters: Parameters) -> jax.Array:
    """What one foot's logger wrote: (time, 6) float32, in the sensor's units."""
    sensing, waiting = jax.random.split(key)
    read = smoothed(imu.measure(felt, parameters, sensing), parameters["bandwidth_hz"] / imu.rate_hz)
    return read[refreshed(waiting, len(read), parameters["refresh_samples"], parameters["early_share"])]


def smoothed(read: jax.Array, corner: jax.Array) -> jax.Array:
    """A low-pass of first order over readings (time, channels), its corner as a share of the rate."""
    share = -jnp.expm1(-2 * jnp.pi * corner)

    def onward(last: jax.Array, now: jax.Array) -> tuple[jax.Array, jax.Array]:
        smooth = last + share * (now - last)
        return smooth, smooth

    return jax.lax.scan(onward, read[0], read)[1]


def refreshed(key: Key, count: int, rows: jax.Array, early_share: jax.Array) -> jax.Array:
    """Which sample each of ``count`` rows of the log shows: the last that the logger had fetched by then."""
    chance = jax.random.uniform(key, (2, count))
    early = 1 + jnp.floor(chance[1] * (rows - 1))
    ticks = jnp.cumsum(jnp.where(chance[0] < early_share, early, rows))
    tick = jnp.concatenate([jnp.zeros(1), jnp.floor(ticks)])
    now = jnp.arange(count, dtype=jnp.float32)
    return tick[jnp.searchsorted(tick, now, side="right") - 1].astype(jnp.int32)
