"""Many quadrupeds walked in parallel, each with a body, a ground and a gait of its own, and the truth of their feet.

``mujoco.rollout`` steps them on two threads with no Python between the steps; the targets of their motors are laid out
beforehand, so nothing is decided on the way and the same arguments give the same numbers.
"""

import threading
from collections.abc import Sequence
from typing import NamedTuple

import mujoco
import numpy as np
import numpy.typing as npt
from mujoco.rollout import Rollout

from sim.legged.gait import Gait, targets
from sim.legged.quadruped import FOOT_RADIUS_M, FOOT_SENSORS, FOOT_WIDTH, LEGS, STEP_S, TRUNK

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

THREADS = 2
FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS
LEAST_HEIGHT_M = 0.12  # of a trunk that has not fallen
LEAST_UPRIGHT = 0.7  # cosine of its tilt
_threads = threading.local()


class Feet(NamedTuple):
    """The truth of every foot, (..., time, 3) or (..., time)."""

    force_n: Floats  # normal force of the ground
    slip_m_s: Floats  # how fast the foot's lowest point moves over the ground
    acceleration_m_s2: Floats  # world axes, without gravity, mean since the sample before
    rotation_rad_s: Floats  # axes of the shank: x forward when it hangs, y left, z up
    orientation: Floats  # quaternion w x y z, shank to world


def walk(models: Sequence[mujoco.MjModel], gait: Gait, samples: int, hop: int) -> tuple[Feet, Bools]:
    """Walk every robot from standing.

    Args:
        models: one a flight.
        gait: of as many flights.
        samples: how many to return.
        hop: physics steps from one sample to the next.

    Returns:
        Feet (flights, legs, samples, ...), and whether the robot stayed on its feet (flights,).
    """
    times_s = STEP_S * np.arange(samples * hop)
    angles = targets(gait, times_s)
    start = np.stack([_standing(*one) for one in zip(models, gait.stance_m, angles[:, 0], strict=True)])
    _, sensed = _pool().rollout(models, _data(models[0]), start, angles)
    seen = sensed[:, ::hop]
    return feet_of(seen, hop * STEP_S), upright(seen)


def upright(sensed: Floats) -> Bools:
    """Which robots (flights,) stayed on their feet, by MuJoCo's ``sensordata`` (flights, time, width)."""
    trunk = sensed[..., TRUNK]
    good = (trunk[..., 2] > LEAST_HEIGHT_M) & (trunk[..., 5] > LEAST_UPRIGHT)
    return good.all(1) & np.isfinite(sensed).all((1, 2))


def feet_of(sensed: Floats, period_s: float) -> Feet:
    """The feet's truth in MuJoCo's ``sensordata`` (flights, time, width), as (flights, legs, time, ...).

    Accelerations are slopes of the velocity over ``period_s``, the time between two samples: MuJoCo's own leave out how
    the implicit integrator damps the motors.
    """
    each = sensed[..., : FOOT_WIDTH * len(LEGS)].reshape(*sensed.shape[:-1], len(LEGS), FOOT_WIDTH)
    widths = np.cumsum([width for _, width in FOOT_SENSORS])[:-1]
    force, rotation, orientation, velocity = np.split(np.moveaxis(each, -2, -3), widths, axis=-1)
    slope = np.diff(velocity, axis=-2, prepend=velocity[..., :1, :]) / period_s
    return Feet(force[..., 0], slip_m_s(velocity, turned(orientation, rotation)), slope, rotation, orientation)


def slip_m_s(velocity: Floats, rotation: Floats) -> Floats:
    """Horizontal speed of the lowest point of a sphere that moves and rolls, both (..., 3) in world axes."""
    x = velocity[..., 0] - FOOT_RADIUS_M * rotation[..., 1]
    y = velocity[..., 1] + FOOT_RADIUS_M * rotation[..., 0]
    return np.hypot(x, y)


def turned(orientation: Floats, vector: Floats) -> Floats:
    """``vector`` (..., 3) in body axes, turned into world axes by quaternions (..., 4)."""
    w, axis = orientation[..., :1], orientation[..., 1:]
    across = 2 * np.cross(axis, vector)
    return vector + w * across + np.cross(axis, across)


def put_down(model: mujoco.MjModel, data: mujoco.MjData, height_m: float, angles: Floats) -> None:
    """Stand a robot still on the ground, its trunk ``height_m`` above it."""
    mujoco.mj_resetData(model, data)
    data.qpos[2] = height_m
    data.qpos[7:] = data.ctrl = angles


def _standing(model: mujoco.MjModel, height_m: float, angles: Floats) -> Floats:
    """State of a robot that stands still, as ``rollout`` takes it."""
    data = _data(model)[0]
    put_down(model, data, height_m, angles)
    state = np.empty(mujoco.mj_stateSize(model, FULL))
    mujoco.mj_getState(model, data, state, FULL)
    return state


def _pool() -> Rollout:
    """This thread's stepping threads: made once, ended with the process."""
    if not hasattr(_threads, "pool"):
        _threads.pool = Rollout(nthread=THREADS)
    return _threads.pool


def _data(model: mujoco.MjModel) -> list[mujoco.MjData]:
    """This thread's scratch space."""
    if not hasattr(_threads, "data"):
        _threads.data = [mujoco.MjData(model) for _ in range(THREADS)]
    return _threads.data
