"""A ring of rangers that hear every surface in their cone, as light or a very rough wall would send it back.

Each beam is the nearest hit of a few rays spread over its cone. A surface that is met too obliquely is not seen. No
mirrors, corners or loudness: deliberately another physics than ``sim.sensors.ultrasound``.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from sim.geometry import FAR_M, cast, seen_from
from sim.priors import Constant, Distribution, Normal, Parameter, Parameters, Uniform

BEAM_COUNT = 24
FRONT_BEAM = 12
RAYS_A_BEAM = 5
_SPREAD = np.linspace(-1, 1, RAYS_A_BEAM, dtype=np.float32)
_AXES_RAD = ((np.arange(BEAM_COUNT) - FRONT_BEAM) * 2 * math.pi / BEAM_COUNT).astype(np.float32)

PARAMETERS = (
    Parameter("ring_radius_m", "m", 0.0, 0.5, "distance of the rangers from the robot's centre"),
    Parameter("mounting_yaw_rad", "rad", -math.pi, math.pi, "the whole ring turned to the left"),
    Parameter("wobble_rad", "rad", 0.0, 0.5, "deviation of the ring's yaw from reading to reading"),
    Parameter("cone_rad", "rad", 0.0, 1.0, "half-width of a beam's cone"),
    Parameter("grazing_rad", "rad", 0.0, 1.5, "surfaces met at less than this angle are not seen"),
    Parameter("dropout_share", "1", 0.0, 1.0, "share of readings lost"),
    Parameter("range_limit_m", "m", 0.1, 50.0, "reading when nothing is seen"),
    Parameter("range_noise_share", "1", 0.0, 0.5, "deviation of a reading as a share of it"),
    Parameter("range_gain", "1", 0.5, 2.0, "each ranger's own gain", BEAM_COUNT),
)

DISTRIBUTIONS: dict[str, Distribution] = {
    "ring_radius_m": Uniform(0.22, 0.26),
    "mounting_yaw_rad": Normal(0.0, 0.06, -0.12, 0.12),
    "wobble_rad": Uniform(0.01, 0.03),
    "cone_rad": Uniform(0.1, 0.2),
    "grazing_rad": Uniform(0.5, 0.9),
    "dropout_share": Uniform(0.01, 0.05),
    "range_limit_m": Constant(5.0),
    "range_noise_share": Uniform(0.002, 0.01),
    "range_gain": Normal(1.03, 0.03, 0.9, 1.15),
}


def ring(pose: jax.Array, walls: jax.Array, p: Parameters, key: jax.Array) -> jax.Array:
    """One reading: ranges (24,) float32 in m, beam 13 ahead, numbers rising to the left.

    Args:
        pose: x, y in m and heading in rad (3,).
        walls: (segments, 4) in m.
        p: one value of each of ``PARAMETERS``.
        key: chance of this reading.
    """
    normal, uniform = jax.random.split(key)
    wobble, *noise = jax.random.normal(normal, (1 + BEAM_COUNT,))
    own = seen_from(walls, pose[:2], pose[2] + p["mounting_yaw_rad"] + p["wobble_rad"] * wobble)
    distance = jnp.min(_ranges(own, p), axis=1) - p["ring_radius_m"]
    reading = distance * p["range_gain"] * (1 + p["range_noise_share"] * jnp.stack(noise))
    lost = jax.random.uniform(uniform, (BEAM_COUNT,)) < p["dropout_share"]
    return jnp.clip(jnp.where(lost, FAR_M, reading), 0.0, p["range_limit_m"])


def _ranges(walls: jax.Array, p: Parameters) -> jax.Array:
    """Distance from the robot's centre (beams, rays); ``FAR_M`` where a surface is met too obliquely."""
    angle = (_AXES_RAD[:, None] + p["cone_rad"] * _SPREAD).reshape(-1)
    ux, uy = rays = jnp.stack([jnp.cos(angle), jnp.sin(angle)])
    distance, number = cast(walls, rays)
    ax, ay, bx, by = walls[number].T
    across = jnp.abs(ux * (by - ay) - uy * (bx - ax))
    seen = across > jnp.sin(p["grazing_rad"]) * jnp.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
    return jnp.where(seen, distance, FAR_M).reshape(BEAM_COUNT, RAYS_A_BEAM)
