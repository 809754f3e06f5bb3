"""Where the feet should be, and the joint angles that put them there: an open-loop trot.

Every leg runs through the same cycle of length 1 / frequency. For the first ``duty`` of it the foot stands: it moves
backward under the hip in a straight line at the trunk's speed. For the rest it swings forward along a cycloid, which
starts and ends at rest, and rises by the step's height:

    x = L (s − sin(2πs) / 2π − 1/2),    z = h (1 − cos 2πs) / 2,    s = share of the swing that is over,

L = speed × duty / frequency. Diagonal legs move together; hind legs may lag. Each leg takes its turns' share of the
speed: v = (v_x − ω y, ω x), ω the turn, (x, y) the hip. No two steps are quite alike: height and length of each are
spread. Before ``start_s`` the robot stands still.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.legged.quadruped import FOOT_RADIUS_M, HIP_LINK_M, HIPS_M, LEGS, SHANK_M, SIDES, THIGH_M

Floats = npt.NDArray[np.float64]

PAIR = np.asarray([0.0, 0.5, 0.5, 0.0])  # front left with rear right
HIND = np.asarray([0.0, 0.0, 1.0, 1.0])
RAMP_CYCLES = 0.5  # a walk grows from standing over so many


class Gait(NamedTuple):
    """What is asked of a robot; every field (flights,) but ``spread``, (flights, legs, cycles, 2)."""

    frequency_hz: Floats
    duty: Floats  # share of a cycle on the ground
    speed_m_s: Floats
    turn_rad_s: Floats
    height_m: Floats  # of a step
    stance_m: Floats  # trunk above the ground
    forward_m: Floats  # feet before (behind) the hips
    wide_m: Floats  # feet outside the hips' links
    lag: Floats  # hind legs behind the front ones, in cycles
    start_s: Floats
    phase: Floats  # where in the cycle the walk starts
    spread: Floats  # of each step's height and length, in shares of them


def targets(gait: Gait, times_s: Floats) -> Floats:
    """Joint angles (flights, time, 12) in rad at ``times_s`` (time,)."""
    walked = np.maximum(times_s - gait.start_s[:, None], 0.0) * gait.frequency_hz[:, None]
    return joint_angles(feet(gait, walked)).reshape(len(gait.duty), len(times_s), 3 * len(LEGS))


def feet(gait: Gait, walked: Floats) -> Floats:
    """Feet in m seen from their hips, (flights, time, legs, 3), after ``walked`` (flights, time) cycles of walking."""
    ramp = np.clip(walked / RAMP_CYCLES, 0.0, 1.0)[..., None]
    cycle = walked[..., None] + (gait.phase[:, None] + PAIR - HIND * gait.lag[:, None])[:, None, :] + 1.0
    number, place = np.floor(cycle).astype(np.intp), cycle % 1.0
    height, length = _spread(gait.spread, number)
    duty = gait.duty[:, None, None]
    swing = np.clip((place - duty) / (1 - duty), 0.0, 1.0)
    along = np.where(place < duty, 0.5 - place / duty, swing - np.sin(2 * np.pi * swing) / (2 * np.pi) - 0.5)
    stride_s = (gait.duty / gait.frequency_hz)[:, None]
    step_x = (gait.speed_m_s[:, None] - gait.turn_rad_s[:, None] * HIPS_M[:, 1]) * stride_s
    step_y = gait.turn_rad_s[:, None] * HIPS_M[:, 0] * stride_s
    moved = ramp * along * (1 + length)
    rise = ramp * (1 + height) * gait.height_m[:, None, None] * (1 - np.cos(2 * np.pi * swing)) / 2
    x = gait.forward_m[:, None, None] + moved * step_x[:, None]
    y = SIDES * (HIP_LINK_M + gait.wide_m[:, None, None]) + moved * step_y[:, None]
    z = FOOT_RADIUS_M - gait.stance_m[:, None, None] + rise
    return np.stack([x, y, np.broadcast_to(z, x.shape)], axis=-1)


def _spread(spread: Floats, number: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Height's and length's deviation of the step that each leg is in: (flights, time, legs) each."""
    flight, leg = np.arange(len(spread))[:, None, None], np.arange(len(LEGS))
    found = spread[flight, leg, number % spread.shape[2]]
    return found[..., 0], found[..., 1]


def joint_angles(foot: Floats) -> Floats:
    """Hip, thigh and knee (..., legs, 3) in rad that put the feet (..., legs, 3) there, or as far as they reach."""
    x, y, z = foot[..., 0], foot[..., 1], foot[..., 2]
    link = SIDES * HIP_LINK_M
    down = np.sqrt(np.maximum(y * y + z * z - link * link, 1e-4))
    hip = np.arctan2(y, -z) - np.arctan2(link, down)
    bend = (x * x + down * down - THIGH_M**2 - SHANK_M**2) / (2 * THIGH_M * SHANK_M)
    knee = -np.arccos(np.clip(bend, -0.9, 0.95))
    thigh = np.arctan2(-x, down) - np.arctan2(SHANK_M * np.sin(knee), THIGH_M + SHANK_M * np.cos(knee))
    return np.stack([hip, thigh, knee], axis=-1)
