"""A controller drives a robot in closed loop: the reading goes to it, its command moves the robot."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from sim.priors import Parameters
from sim.rooms import Room
from sim.world import Key, Steps, World
from sim.worlds import rover

Controller = Callable[[npt.NDArray[np.float32]], int]


@dataclass(frozen=True)
class Trajectory:
    """What happened.

    Args:
        poses: (steps + 1, 3): x and y in m, heading in rad, before every step and after the last.
        readings: (steps, 1, channels), what the controller saw.
        commands: (steps,) int32, what it answered.
        collided: (steps,) bool: a wall stopped the step.
        room: where.
    """

    poses: npt.NDArray[np.float32]
    readings: npt.NDArray[np.float32]
    commands: npt.NDArray[np.int32]
    collided: npt.NDArray[np.bool_]
    room: Room

    @property
    def rounds(self) -> float:
        """Times the path went clockwise about the middle of the room."""
        points = np.asarray(self.room.outline)[:, :2]
        east, north = (self.poses[:, :2] - (points.min(axis=0) + points.max(axis=0)) / 2).T
        angle = np.unwrap(np.arctan2(north, east))
        return float(angle[0] - angle[-1]) / (2 * math.pi)


@partial(jax.jit, static_argnums=0)
def _start(world: World, room: Room, parameters: Parameters, key: Key) -> tuple[rover.State, jax.Array]:
    starting, seeing = jax.random.split(key)
    state = rover.start(starting, {**parameters, "wander_share": jnp.zeros(())}, room)
    return state, _rules(world).observe(state, parameters, seeing)


@partial(jax.jit, static_argnums=0)
def _advance(
    world: World, state: rover.State, action: int, parameters: Parameters, keys: Key, number: int
) -> tuple[rover.State, jax.Array]:
    moving, seeing = jax.random.split(jax.random.fold_in(keys, number))
    after = _rules(world).step(state, jnp.asarray(action), parameters, moving)
    return after, _rules(world).observe(after, parameters, seeing)


def _rules(world: World) -> Steps:
    if world.steps is None:
        raise ValueError(f"{world.name} is not a world that is acted in")
    return world.steps


def by_policy(world: World) -> Controller:
    """The world's own rule as a controller."""
    act = jax.jit(_rules(world).policy)
    drawn = world.prior.centre()
    return lambda reading: int(act(reading[-1], drawn))


def drive(
    world: World,
    controller: Controller,
    steps: int,
    seed: int,
    room: Room | None = None,
    parameters: Parameters | None = None,
) -> Trajectory:
    """Let ``controller`` drive a robot of the rover kind.

    Args:
        world: one whose state is ``sim.worlds.rover.State``.
        controller: reading (1, channels) float32 → command.
        steps: of 1 / rate_hz each.
        seed: the same seed, controller and room give the same drive.
        room: ``rover.demo_room()`` by default.
        parameters: of robot and sensors; the centre of the world's prior by default.
    """
    drawn = world.prior.centre() if parameters is None else parameters
    starting, flying = jax.random.split(jax.random.key(seed))
    state, reading = _start(world, rover.demo_room() if room is None else room, drawn, starting)
    poses, readings, commands, collided = [np.asarray(state.pose)], [], [], []
    for number in range(steps):
        readings.append(np.asarray(reading)[None])
        commands.append(int(controller(readings[-1])))
        state, reading = _advance(world, state, commands[-1], drawn, flying, number)
        poses.append(np.asarray(state.pose))
        collided.append(bool(state.collided))
    return Trajectory(
        np.stack(poses), np.stack(readings), np.asarray(commands, np.int32), np.asarray(collided), state.room
    )
