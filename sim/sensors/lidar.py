"""A plane of light beams from one turning or flashing head.

Each beam reads the distance of the first wall on its axis. A share of the beams is lost at random, and walls met at
less than a grazing angle are not seen; such a beam reads the range limit. Noise has a part that is constant and one
that grows with the range; gain and offset are the head's. All beams of a reading are taken from one pose.

Reference: Thrun, Burgard & Fox, Probabilistic Robotics, 2005, 6.3 (beam model); Okubo, Ye & Borenstein,
Characterization of the Hokuyo URG-04LX laser rangefinder, Proc. SPIE 7332, 2009.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from sim.geometry import FAR_M, cast, seen_from
from sim.priors import Constant, LogUniform, Normal, Parameter, Parameters, Uniform
from sim.sensor import Key, Sensor
from sim.sensors.naming import Row, own, prefixed
from sim.sensors.rounding import quantise
from sim.sensors.surroundings import Surroundings, circling
from slipway.spec import Channel

ROWS: tuple[Row, ...] = (
    (Parameter("ahead_m", "m", -5.0, 5.0, "head before the robot's centre"), Uniform(0.0, 0.3)),
    (Parameter("mounting_rad", "rad", -math.pi, math.pi, "head turned to the left"), Normal(0.0, 0.02, -0.1, 0.1)),
    (Parameter("grazing_rad", "rad", 0.0, 1.5, "walls met at less than this angle are not seen"), Uniform(0.02, 0.15)),
    (Parameter("lost_share", "1", 0.0, 1.0, "share of beams that see nothing"), LogUniform(1e-3, 0.05)),
    (Parameter("gain", "1", 0.5, 2.0, "range read over true"), Normal(1.0, 0.003, 0.99, 1.01)),
    (Parameter("offset_m", "m", -1.0, 1.0, "range read at the head"), Normal(0.0, 0.01, -0.04, 0.04)),
    (Parameter("noise_m", "m", 0.0, 1.0, "deviation of a near reading"), LogUniform(2e-3, 3e-2)),
    (Parameter("noise_share", "1", 0.0, 0.2, "deviation that grows with it, as a share"), LogUniform(1e-3, 1e-2)),
    (Parameter("limit_m", "m", 0.1, 500.0, "reading when nothing is seen"), Constant(12.0)),
    (Parameter("resolution_m", "m", 1e-6, 1.0, "step of a reading"), Constant(0.001)),
)  # fmt: skip


def lidar(*, rate_hz: float, name: str = "lidar", beam_count: int = 90, view_rad: float = 2 * math.pi) -> Sensor:
    """Ranges [m] of ``beam_count`` beams; truth: ``Surroundings``.

    Args:
        rate_hz: readings a second.
        name: prefix of its parameters.
        beam_count: beams, evenly over the view, from right to left.
        view_rad: angle between the first beam and the one after the last; the middle of it is ahead.
    """
    parameters, distributions = prefixed(name, ROWS)
    angle = ((np.arange(beam_count) + 0.5) / beam_count - 0.5) * view_rad
    rays = np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)

    def measure(truth: Surroundings, values: Parameters, key: Key) -> jax.Array:
        p = own(name, ROWS, values)
        ranges = jax.vmap(lambda pose: _ranges(pose, truth.walls, jnp.asarray(rays), p))(truth.pose)
        return _digitise(ranges, p, key)

    return Sensor(
        name=name,
        channels=tuple(Channel(f"beam_{number:03d}", "m") for number in range(beam_count)),
        rate_hz=rate_hz,
        parameters=parameters,
        distributions=distributions,
        measure=measure,
        example=lambda key, sample_count: circling(key, sample_count, rate_hz),
        reference="Thrun, Burgard & Fox, Probabilistic Robotics, 2005, 6.3; Okubo et al., Proc. SPIE 7332, 2009",
        differentiable=(f"{name}_gain", f"{name}_offset_m"),
    )


def _ranges(pose: jax.Array, walls: jax.Array, rays: jax.Array, p: Parameters) -> jax.Array:
    """True ranges (beams,) from one pose (3,); ``FAR_M`` where no wall is seen."""
    ahead = jnp.stack([jnp.cos(pose[2]), jnp.sin(pose[2])])
    seen = seen_from(walls, pose[:2] + p["ahead_m"] * ahead, pose[2] + p["mounting_rad"])
    distance, number = cast(seen, rays)
    ax, ay, bx, by = seen[number].T
    along_x, along_y = bx - ax, by - ay
    across = jnp.abs(rays[0] * along_y - rays[1] * along_x)
    steep = across > jnp.sin(p["grazing_rad"]) * jnp.sqrt(along_x**2 + along_y**2)
    return jnp.where(steep, distance, FAR_M)


def _digitise(ranges: jax.Array, p: Parameters, key: Key) -> jax.Array:
    """Gain, offset, noise, lost beams, limit and steps, (time, beams)."""
    losing, noising = jax.random.split(key)
    spread = p["noise_m"] + p["noise_share"] * ranges
    read = p["gain"] * ranges + p["offset_m"] + spread * jax.random.normal(noising, ranges.shape)
    lost = (jax.random.uniform(losing, ranges.shape) < p["lost_share"]) | (ranges >= FAR_M)
    return quantise(jnp.clip(jnp.where(lost, FAR_M, read), 0.0, p["limit_m"]), p["resolution_m"])
