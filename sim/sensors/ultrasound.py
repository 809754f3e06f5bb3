"""A ring of ultrasound rangers.

Walls are mirrors to sound of 40 kHz: a beam hears the wall's point that faces it, or a corner, and from an oblique wall
nothing or a later echo. So over a whole range of headings a beam reads the *perpendicular* distance (a "region of
constant depth"), not the distance along its axis. Each echo pays, in decibel,

    loss = 40 log10(r) + 2 a r + 6 (tan δ / tan w)² + surface,

r the path in m, a the absorption of air, δ the angle off the beam's axis, w the beam's half-width (-6 dB both ways),
surface = 0 for a mirror reflection, an edge's loss, or a rough wall's, which by Lambert grows with obliqueness. The
first echo whose loss is below the beam's budget is the reading; no echo is the range limit.

Reference: Leonard & Durrant-Whyte, Directed Sonar Sensing for Mobile Robot Navigation, 1992, ch. 2; Kuc & Siegel,
Physically Based Simulation Model for Acoustic Sensor Robot Navigation, IEEE PAMI 9(6), 1987.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from sim.geometry import FAR_M, cast, seen_from
from sim.priors import Constant, Distribution, LogUniform, Normal, Parameter, Parameters, Uniform
from sim.sensor import Key, Sensor
from sim.sensors.naming import own, prefixed
from sim.sensors.surroundings import Surroundings, circling
from slipway.spec import Channel

BEAM_COUNT = 24
FRONT_BEAM = 12  # index of the beam that looks ahead; numbers rise to the left, as published
RAYS_A_BEAM = 3
REACH = 3  # an echo counts for beams up to 3 places (45 deg) aside

SPACING_RAD = 2 * math.pi / BEAM_COUNT
HALF_RAY_RAD = SPACING_RAD / RAYS_A_BEAM / 2
# Ray (row r, beam i) looks r thirds of a spacing to the left of beam i: a beam's neighbours are then shifted rows.
_ANGLES_RAD = (np.arange(BEAM_COUNT) - FRONT_BEAM + np.arange(RAYS_A_BEAM)[:, None] / RAYS_A_BEAM) * SPACING_RAD
_RAYS = np.stack([np.cos(_ANGLES_RAD), np.sin(_ANGLES_RAD)]).reshape(2, -1).astype(np.float32)

PARAMETERS = (
    Parameter("ring_radius_m", "m", 0.0, 0.5, "distance of the rangers from the robot's centre"),
    Parameter("mounting_yaw_rad", "rad", -math.pi, math.pi, "the whole ring turned to the left"),
    Parameter("beam_yaw_rad", "rad", -0.5, 0.5, "each ranger turned to the left in its mount", BEAM_COUNT),
    Parameter("beam_width_rad", "rad", 0.02, 1.0, "half-width of the cone, -6 dB both ways"),
    Parameter("budget_db", "dB", 0.0, 120.0, "loss that can just be heard"),
    Parameter("beam_budget_db", "dB", -60.0, 60.0, "each ranger's own budget on top", BEAM_COUNT),
    Parameter("absorption_db_m", "dB/m", 0.0, 5.0, "absorption of air"),
    Parameter("edge_loss_db", "dB", 0.0, 80.0, "loss at a corner or edge"),
    Parameter("rough_loss_db", "dB", 0.0, 120.0, "loss of what a wall throws back from off its mirror point"),
    Parameter("fluctuation_db", "dB", 0.0, 30.0, "deviation of the loss from ping to ping"),
    Parameter("dropout_share", "1", 0.0, 1.0, "share of pings that hear nothing at all"),
    Parameter("range_limit_m", "m", 0.1, 50.0, "reading when nothing is heard"),
    Parameter("range_noise_m", "m", 0.0, 1.0, "deviation of a reading"),
    Parameter("range_gain", "1", 0.5, 2.0, "reading over distance: wrong speed of sound"),
    Parameter("range_bias_m", "m", -0.5, 0.5, "each ranger's own offset", BEAM_COUNT),
    Parameter("resolution_m", "m", 1e-6, 0.5, "step of a reading"),
)

# Noise, offsets and dropouts are wider than any real ring's on purpose: a label made from readings stays right, and
# beams that err apart from one another teach a learner to look at each of them.
DISTRIBUTIONS: dict[str, Distribution] = {
    "ring_radius_m": Uniform(0.15, 0.3),
    "mounting_yaw_rad": Normal(0.0, 0.05, -0.15, 0.15),
    "beam_yaw_rad": Normal(0.0, 0.03, -0.1, 0.1),
    "beam_width_rad": Uniform(0.15, 0.45),
    "budget_db": Uniform(35.0, 65.0),
    "beam_budget_db": Normal(0.0, 8.0, -30.0, 30.0),
    "absorption_db_m": Uniform(1.0, 2.0),
    "edge_loss_db": Uniform(0.0, 15.0),
    "rough_loss_db": Uniform(25.0, 60.0),
    "fluctuation_db": Uniform(0.5, 8.0),
    "dropout_share": LogUniform(0.003, 0.3),
    "range_noise_m": LogUniform(0.002, 0.3),
    "range_gain": Normal(1.0, 0.01, 0.95, 1.05),
    "range_bias_m": Normal(0.0, 0.05, -0.2, 0.2),
    "range_limit_m": Constant(5.0),
    "resolution_m": Constant(0.001),
}


def ultrasound(*, rate_hz: float, name: str = "sonar") -> Sensor:
    """The ring as a sensor of its own, ranges [m]; truth: ``Surroundings``."""
    rows = tuple((parameter, DISTRIBUTIONS[parameter.name]) for parameter in PARAMETERS)
    parameters, distributions = prefixed(name, rows)

    def measure(truth: Surroundings, values: Parameters, key: Key) -> jax.Array:
        p, keys = own(name, rows, values), jax.random.split(key, len(truth.pose))
        return jax.vmap(lambda pose, ping: ring(pose, truth.walls, truth.reflectivity_db, p, ping))(truth.pose, keys)

    return Sensor(
        name=name,
        channels=tuple(Channel(f"range_{number:02d}", "m") for number in range(BEAM_COUNT)),
        rate_hz=rate_hz,
        parameters=parameters,
        distributions=distributions,
        measure=measure,
        example=lambda key, sample_count: circling(key, sample_count, rate_hz),
        reference="Leonard & Durrant-Whyte 1992, ch. 2; Kuc & Siegel, IEEE PAMI 9(6), 1987",
    )


def ring(
    pose: jax.Array, walls: jax.Array, reflectivity_db: jax.Array, parameters: Parameters, key: jax.Array
) -> jax.Array:
    """One reading of all beams.

    Args:
        pose: x, y in m and heading in rad (3,).
        walls: (segments, 4) in m.
        reflectivity_db: (segments,), how much louder than standard each wall answers.
        parameters: one value of each of ``PARAMETERS``.
        key: chance of this ping.

    Returns:
        Ranges (24,) float32 in m, beam 13 (index 12) ahead, numbers rising to the left.
    """
    own = seen_from(walls, pose[:2], pose[2] + parameters["mounting_yaw_rad"])
    normal, uniform = jax.random.split(key)
    loudness, noise = jax.random.normal(normal, (2, BEAM_COUNT))
    first = _first_echo(_echoes(own, reflectivity_db, parameters), parameters, loudness)
    return _digitise(first, parameters, noise, jax.random.uniform(uniform, (BEAM_COUNT,)))


def _echoes(walls: jax.Array, reflectivity_db: jax.Array, p: Parameters) -> jax.Array:
    """What each ray's wall sends back: distance, direction (x, y) and loss in dB, as (4, rays)."""
    ux, uy = _RAYS
    distance, number = cast(walls, jnp.asarray(_RAYS))
    rows = jnp.concatenate([walls, reflectivity_db[:, None]], axis=1)[number]
    ax, ay, bx, by, reflectivity = (rows[:, column] for column in range(5))
    tx, ty = bx - ax, by - ay
    squared_length = jnp.maximum(tx * tx + ty * ty, 1e-12)
    share = (ax * ty - ay * tx) / squared_length
    mirror = jnp.stack([share * ty, -share * tx])  # the wall's point that faces the observer
    corner = jnp.where(_beside(ax, ay), jnp.stack([ax, ay]), jnp.stack([bx, by]))
    is_mirror, is_corner = _beside(*mirror), _beside(*corner)
    slant = share * share * squared_length / jnp.maximum(distance * distance, 1e-6)  # squared cosine of incidence
    slant = jnp.where(is_mirror | is_corner, 1.0, jnp.maximum(slant, 1e-6))
    surface = jnp.where(is_mirror, 0.0, jnp.where(is_corner, p["edge_loss_db"], p["rough_loss_db"])) - reflectivity
    x, y = jnp.where(is_mirror, mirror, jnp.where(is_corner, corner, distance * jnp.stack([ux, uy])))
    squared = jnp.maximum(x * x + y * y, 1e-6)
    r = jnp.sqrt(squared)
    loss = 10 * jnp.log10(squared * squared / slant) + 2 * p["absorption_db_m"] * r + surface
    return jnp.stack([r, x / r, y / r, loss])


def _beside(x: jax.Array, y: jax.Array) -> jax.Array:
    """Which points lie within half a ray's spacing of their ray."""
    ux, uy = _RAYS
    along, across = ux * x + uy * y, jnp.abs(ux * y - uy * x)
    return across <= math.tan(HALF_RAY_RAD) * along


def _first_echo(echoes: jax.Array, p: Parameters, chance: jax.Array) -> jax.Array:
    """Distance (24,) of the nearest echo that each beam hears, ``FAR_M`` for none."""
    angle = jnp.asarray((np.arange(BEAM_COUNT) - FRONT_BEAM) * SPACING_RAD, jnp.float32) + p["beam_yaw_rad"]
    axis_x, axis_y = jnp.cos(angle), jnp.sin(angle)
    budget = p["budget_db"] + p["beam_budget_db"] + p["fluctuation_db"] * chance
    narrowness = 6 / jnp.tan(p["beam_width_rad"]) ** 2
    around = jnp.swapaxes(echoes.reshape(4, RAYS_A_BEAM, BEAM_COUNT), 0, 1)
    around = jnp.concatenate([around[..., -REACH:], around, around[..., :REACH]], axis=-1)

    def nearer(best: jax.Array, row: jax.Array) -> tuple[jax.Array, None]:
        for shift in range(2 * REACH + 1):
            r, x, y, loss = row[:, shift : shift + BEAM_COUNT]
            cosine = x * axis_x + y * axis_y
            squared = cosine * cosine
            heard = (narrowness * (1 - squared) < (budget - loss) * squared) & (cosine > 0)
            best = jnp.where(heard, jnp.minimum(best, r - p["ring_radius_m"] * cosine), best)
        return best, None

    # A scan, for what enters a loop is worked out once; written flat, XLA draws each beam's chance 21 times over.
    return jax.lax.scan(nearer, jnp.full(BEAM_COUNT, FAR_M), around)[0]


def _digitise(distance: jax.Array, p: Parameters, noise: jax.Array, chance: jax.Array) -> jax.Array:
    """Gain, offset, noise, lost pings, range limit and steps."""
    reading = p["range_gain"] * distance + p["range_bias_m"] + p["range_noise_m"] * noise
    reading = jnp.where(chance < p["dropout_share"], FAR_M, reading)
    return jnp.round(jnp.clip(reading, 0.0, p["range_limit_m"]) / p["resolution_m"]) * p["resolution_m"]
