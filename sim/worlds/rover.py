"""A round robot with a ring of 24 ultrasound rangers follows the walls of a room clockwise.

State: pose (x, y, heading θ), the room, whether the last step was stopped by a wall. One step of 1/9 s turns by ω and
drives by v, both chosen by the command and soiled by wheel slip; a step into a wall is not taken. The rule, published
with the recording this world stands for: front < 0.9 m: sharp right; else left > 0.9 m: slight left; left < 0.5 m:
slight right; else forward; front is the nearest of beams 11-15, left of beams 18-20.

Reference: Freire, Barreto, Veloso & Varela, Short-Term Memory Mechanisms in Neural Network Learning of Robot Navigation
Tasks: A Case Study, LARS 2009, https://doi.org/10.1109/LARS.2009.5418323.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from sim import rooms
from sim.geometry import clearance
from sim.priors import Constant, Distribution, Normal, Parameter, Parameters, Prior, Uniform
from sim.rooms import Room, is_free, walls
from sim.sensors import ultrasound
from sim.stepped import stepped_world
from sim.world import Steps
from slipway.spec import Channel, SensorSpec, TaskSpec

RATE_HZ = 9.0
FORWARD, SLIGHT_RIGHT, SHARP_RIGHT, SLIGHT_LEFT = range(4)
FRONT = slice(10, 15)
LEFT = slice(17, 20)
TRIES = 8  # places tried for a free start

TASK = TaskSpec(
    "rover",
    SensorSpec(tuple(Channel(f"range_{beam:02d}", "m") for beam in range(1, 25)), RATE_HZ, 1),
    ("Move-Forward", "Slight-Right-Turn", "Sharp-Right-Turn", "Slight-Left-Turn"),
)

ROBOT_PARAMETERS = (
    Parameter("robot_radius_m", "m", 0.05, 1.0, "of the disc that collides"),
    Parameter("speed_m_s", "m/s", 0.01, 2.0, "driving forward; three quarters of it in slight turns"),
    Parameter("slight_turn_rad_s", "rad/s", 0.01, 3.0, "rate of slight turns"),
    Parameter("sharp_turn_rad_s", "rad/s", 0.01, 3.0, "rate of sharp turns, on the spot"),
    Parameter("slip", "1", 0.0, 1.0, "deviation of each step's drive and turn, as a share"),
    Parameter("drift_rad_s", "rad/s", -0.5, 0.5, "turning to the left while meaning to go straight"),
    Parameter("wander_share", "1", 0.0, 1.0, "share of starts anywhere instead of along a wall"),
    Parameter("disturb_share", "1", 0.0, 1.0, "share of disturbances that displace the robot"),
)
PARAMETERS = (*ROBOT_PARAMETERS, *rooms.PARAMETERS, *ultrasound.PARAMETERS)

DISTRIBUTIONS: dict[str, Distribution] = {
    "robot_radius_m": Uniform(0.3, 0.42),
    "speed_m_s": Uniform(0.1, 0.3),
    "slight_turn_rad_s": Uniform(0.1, 0.4),
    "sharp_turn_rad_s": Uniform(0.15, 0.8),
    "slip": Uniform(0.0, 0.2),
    "drift_rad_s": Normal(0.0, 0.02, -0.1, 0.1),
    "wander_share": Constant(0.1),
    "disturb_share": Constant(0.8),
    **rooms.DISTRIBUTIONS,
    **ultrasound.DISTRIBUTIONS,
}

PRIOR = Prior(PARAMETERS, tuple(DISTRIBUTIONS[parameter.name] for parameter in PARAMETERS))


class State(NamedTuple):
    """The truth."""

    pose: jax.Array  # (3,): x and y in m, heading in rad
    room: Room
    collided: jax.Array  # (): a wall stopped the last step


def init(key: jax.Array, parameters: Parameters) -> State:
    """A random room and a free place in it, mostly along a wall."""
    keys = jax.random.split(key, 2)
    return start(keys[1], parameters, rooms.build(keys[0], parameters))


def start(key: jax.Array, parameters: Parameters, room: Room) -> State:
    """The first free place of ``TRIES``, the last of them if none is."""
    wanders, chance = jnp.split(jax.random.uniform(key, (1 + 4 * TRIES,)), [1])

    def try_place(chance: jax.Array) -> tuple[jax.Array, jax.Array]:
        wander, along = rooms.place_anywhere(chance[:3], room), rooms.place_along_wall(chance, room)
        pose = jnp.where(wanders[0] < parameters["wander_share"], wander, along)
        return pose, is_free(room, pose[:2], parameters["robot_radius_m"])

    poses, free = jax.vmap(try_place)(chance.reshape(TRIES, 4))
    return State(poses[jnp.where(jnp.any(free), jnp.argmax(free), TRIES - 1)], room, jnp.asarray(False))


def step(state: State, action: jax.Array, parameters: Parameters, key: jax.Array) -> State:
    """Drive for 1/9 s under a command; the pose stays where a wall would be touched."""
    slip = 1 + parameters["slip"] * jax.random.normal(key, (2,))
    speed, rate = _velocity(action, parameters)
    turn = (rate * slip[0] + parameters["drift_rad_s"]) / RATE_HZ
    way = speed * slip[1] / RATE_HZ
    return _move(state, way, state.pose[2] + turn / 2, state.pose[2] + turn, parameters)


def _velocity(action: jax.Array, p: Parameters) -> tuple[jax.Array, jax.Array]:
    speed = jnp.array([1.0, 0.75, 0.0, 0.75])[action] * p["speed_m_s"]
    slight, sharp, none = p["slight_turn_rad_s"], p["sharp_turn_rad_s"], jnp.zeros_like(p["speed_m_s"])
    return speed, jnp.stack([none, -slight, -sharp, slight])[action]


def _move(state: State, way: jax.Array, course: jax.Array, heading: jax.Array, p: Parameters) -> State:
    place = state.pose[:2] + way * jnp.stack([jnp.cos(course), jnp.sin(course)])
    blocked = clearance(walls(state.room), place) < p["robot_radius_m"]
    place = jnp.where(blocked, state.pose[:2], place)
    return state._replace(pose=jnp.append(place, heading), collided=blocked)


def disturb(state: State, parameters: Parameters, key: jax.Array) -> State:
    """With chance ``disturb_share`` push the robot by up to its radius, never through a wall, and turn it."""
    there, far, course, turn = jax.random.uniform(key, (4,))
    kick = (there < parameters["disturb_share"]).astype(jnp.float32)
    way = kick * far * parameters["robot_radius_m"]
    heading = state.pose[2] + kick * 2 * (turn - 0.5)
    return _move(state, way, 2 * jnp.pi * course, heading, parameters)


def observe(state: State, parameters: Parameters, key: jax.Array) -> jax.Array:
    """Ranges (24,) in m."""
    return ultrasound.ring(state.pose, walls(state.room), state.room.reflectivity_db, parameters, key)


def demo_room() -> Room:
    """One room of about 6 by 4 m: an alcove, a jutting corner, walls that lean and a turned cupboard."""
    left, top = [(0, 0), (0, 2), (-0.9, 2.1), (-0.9, 4)], [(3.6, 4.2), (3.7, 3.2), (5.2, 3.1)]
    corners = [*left, *top, (5.4, 0), (3, 0), (3, 0.5), (2.5, 0.5), (2.5, 0)]
    cupboard = [(4.65, 0.2), (5.15, 0.04), (5.3, 0.5), (4.8, 0.66)]
    outline, obstacle = (rooms.closed(jnp.asarray(points, jnp.float32)) for points in (corners, cupboard))
    return Room(outline, obstacle[None], jnp.zeros(len(corners) + len(cupboard)))


def rule(reading: jax.typing.ArrayLike) -> jax.Array:
    """The published command for ranges (..., 24), int32."""
    ranges = jnp.asarray(reading)
    front, left = jnp.min(ranges[..., FRONT], axis=-1), jnp.min(ranges[..., LEFT], axis=-1)
    side = jnp.where(left > 0.9, SLIGHT_LEFT, jnp.where(left < 0.5, SLIGHT_RIGHT, FORWARD))
    return jnp.where(front < 0.9, SHARP_RIGHT, side).astype(jnp.int32)


STEPS = Steps(
    init=init,
    step=step,
    observe=observe,
    policy=lambda reading, parameters: rule(reading),
    label=lambda state, reading, parameters: rule(reading),
    disturb=disturb,
)
WORLD = stepped_world("rover", TASK, PRIOR, STEPS)
