"""Another robot in another house, for when no recording of a real one is at hand.

The task and the rule are those of ``sim.worlds.rover``. What differs is built differently, not only numbered
differently: halls with a round, dented outline and round pillars instead of right angles, and rangers that see like a
cone of light instead of hearing like ultrasound, each with its own gain, on a ring that wobbles. Never pretrain from
this world: it stands for the device.
"""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from sim.drive import by_policy, drive
from sim.priors import Constant, Distribution, Parameter, Parameters, Prior, Uniform
from sim.rooms import Room, closed, walls
from sim.sensors import cone
from sim.stepped import stepped_world
from sim.worlds import rover
from slipway.windows import Labels, Values

CORNER_COUNT = 16
PILLAR_COUNT = 3
PILLAR_CORNER_COUNT = 8

ROOM_PARAMETERS = (
    Parameter("hall_length_m", "m", 2.0, 30.0, "longer axis of the hall"),
    Parameter("hall_width_m", "m", 2.0, 30.0, "shorter axis of the hall"),
    Parameter("dent_share", "1", 0.0, 0.5, "deviation of the outline from an ellipse, as a share of the radius"),
    Parameter("pillar_share", "1", 0.0, 1.0, "share of the three pillars that are there"),
    Parameter("pillar_radius_m", "m", 0.01, 2.0, "radius of a pillar"),
)
ROOM_DISTRIBUTIONS: dict[str, Distribution] = {
    "hall_length_m": Uniform(5.0, 8.0),
    "hall_width_m": Uniform(4.0, 6.0),
    "dent_share": Uniform(0.02, 0.08),
    "pillar_share": Uniform(0.0, 0.5),
    "pillar_radius_m": Uniform(0.1, 0.25),
}
PARAMETERS = (*rover.ROBOT_PARAMETERS, *ROOM_PARAMETERS, *cone.PARAMETERS)
DISTRIBUTIONS = {
    **{parameter.name: rover.PRIOR[parameter.name] for parameter in rover.ROBOT_PARAMETERS},
    "speed_m_s": Uniform(0.15, 0.2),
    "drift_rad_s": Constant(0.02),
    **ROOM_DISTRIBUTIONS,
    **cone.DISTRIBUTIONS,
}
PRIOR = Prior(PARAMETERS, tuple(DISTRIBUTIONS[parameter.name] for parameter in PARAMETERS))


def build(key: jax.Array, p: Parameters) -> Room:
    """A dented elliptic hall with pillars."""
    normals, uniforms = jax.random.split(key)
    angle = -2 * jnp.pi * jnp.arange(CORNER_COUNT) / CORNER_COUNT  # clockwise
    radius = 0.5 * (1 + p["dent_share"] * jnp.clip(jax.random.normal(normals, (CORNER_COUNT,)), -2, 2))
    size = jnp.stack([p["hall_length_m"], p["hall_width_m"]])
    outline = closed(radius[:, None] * size * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1))
    chance = jax.random.uniform(uniforms, (PILLAR_COUNT, 3))
    pillars = jax.vmap(partial(_pillar, p, size))(chance)
    return Room(outline, pillars, jnp.zeros(CORNER_COUNT + PILLAR_COUNT * PILLAR_CORNER_COUNT))


def _pillar(p: Parameters, size: jax.Array, chance: jax.Array) -> jax.Array:
    """An octagon (8, 4) in the hall, or fillers."""
    there, x, y = chance
    angle = 2 * jnp.pi * jnp.arange(PILLAR_CORNER_COUNT) / PILLAR_CORNER_COUNT  # counter-clockwise
    radius = jnp.where(there < p["pillar_share"], p["pillar_radius_m"], 0.0)
    centre = 0.7 * size * (jnp.stack([x, y]) - 0.5)
    return closed(centre + radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1))


def init(key: jax.Array, parameters: Parameters) -> rover.State:
    """A random hall and a free place in it."""
    building, placing = jax.random.split(key)
    return rover.start(placing, parameters, build(building, parameters))


def observe(state: rover.State, parameters: Parameters, key: jax.Array) -> jax.Array:
    """Ranges (24,) in m."""
    return cone.ring(state.pose, walls(state.room), parameters, key)


def recording(seed: int, steps: int = 5456, hall_count: int = 8) -> tuple[Values, Labels]:
    """What a log of one device would hold: in time order, from one hall after another.

    Returns:
        Values (steps, 1, 24) float32 in m and the commands (steps,) int32.
    """
    drawing, *building = jax.random.split(jax.random.key(seed), 1 + hall_count)
    device = PRIOR.sample(drawing, 1)
    halls = PRIOR.sample(building[0], hall_count)
    act, build_one = by_policy(WORLD), jax.jit(build)
    found = []
    for number, key in enumerate(building):
        hall = build_one(key, {name: values[number] for name, values in halls.items()})
        share = steps // hall_count + (number < steps % hall_count)
        found.append(
            drive(WORLD, act, share, seed + number, hall, {name: values[0] for name, values in device.items()})
        )
    return np.concatenate([one.readings for one in found]), np.concatenate([one.commands for one in found])


STEPS = replace(rover.STEPS, init=init, observe=observe)
WORLD = stepped_world("rover_device", rover.TASK, PRIOR, STEPS)
