"""The fault that explains most of what is unlike home, for the fewest numbers.

A fault is a flat vector, as in ``adapters.sensor.divergence``. The 24 ways a box can stand are looked at and the best
refined; with the best turn and without any, gains and biases are added one by one while they pay, and taken back where
they no longer do.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adapters.sensor.divergence import Divergence
from adapters.sensor.fault import rotation_vector
from adapters.sensor.quasi_newton import least

Doubles = npt.NDArray[np.float64]
Free = npt.NDArray[np.bool_]  # (numbers,), which of a fault's numbers may move

TURN_SHARE = 0.25  # of what is unlike home, that a turn has to explain
STARTS = 3
BEND_STEP = 1e-2  # between the slopes whose difference is the second derivative


@dataclass(frozen=True)
class Evidence:
    """What is known of home and pool.

    Args:
        divergence: of the corrected pool from home.
        scale: (channels,), unit of the biases.
        classes: how many shares may differ.
        price: nats that a gain or a bias has to explain; infinite where no channel is seen alone.
        price_of_turn: likewise.
        steps: of the search.
        at_home: the furthest that a part of home is from the rest: a pool that is nearer has no fault.
    """

    divergence: Divergence
    scale: Doubles
    classes: int
    price: float
    price_of_turn: float
    steps: int
    at_home: float = 0.0


def best_fault(evidence: Evidence, turns: bool, channels: int) -> Doubles:
    """The fault that explains most for its price: with a turn or without, each with the gains and biases that pay."""
    still, value = no_turn(evidence, channels)
    if value <= evidence.at_home:
        return still
    found = [_with_gains(evidence, still, value, free_numbers(len(still), evidence.classes, False), channels)]
    if turns:
        turned, cost = best_turn(evidence, still)
        if value - cost > max(evidence.price_of_turn, TURN_SHARE * value):
            free = free_numbers(len(still), evidence.classes, True)
            theta, paid = _with_gains(evidence, turned, cost, free, channels)
            found.append((theta, paid + evidence.price_of_turn))
    return min(found, key=lambda row: row[1])[0]


def no_turn(evidence: Evidence, channels: int) -> tuple[Doubles, float]:
    """No fault: only the classes' shares may differ."""
    start = np.zeros(3 + 2 * channels + evidence.classes)
    return least(evidence.divergence.slope, start, free_numbers(len(start), evidence.classes, False), evidence.steps)


def best_turn(evidence: Evidence, still: Doubles) -> tuple[Doubles, float]:
    """The best turn alone."""
    starts = np.repeat(still[None], len(BOX), axis=0)
    starts[:, :3] = BOX
    starts[:, len(still) - evidence.classes :] = 0  # without the turn they explained what they had to
    best = np.argsort(evidence.divergence.look(starts))[:STARTS]
    free = free_numbers(len(still), evidence.classes, True)
    found = [least(evidence.divergence.slope, starts[row], free, evidence.steps) for row in best]
    return min(found, key=lambda row: row[1])


def _with_gains(evidence: Evidence, theta: Doubles, value: float, free: Free, channels: int) -> tuple[Doubles, float]:
    """``theta`` with the gains and biases that pay, and its value and price.

    First forwards, the one that explains most next; then backwards: what came first may have stood for what came later.
    """
    first = free
    for _ in range(2 * channels):
        best = best_next(evidence, theta, value, free, channels)
        if best is None or value - best[1] <= evidence.price:
            break
        theta, value, free = best
    while (free & ~first).any():
        fewer = [_without(evidence, theta, free, number) for number in map(int, np.flatnonzero(free & ~first))]
        best = min(fewer, key=lambda row: row[1])
        if best[1] - value > evidence.price:
            break
        theta, value, free = best
    count = int((free & ~first).sum())
    return theta, value + (evidence.price * count if count else 0.0)


def _without(evidence: Evidence, theta: Doubles, free: Free, number: int) -> tuple[Doubles, float, Free]:
    start, fewer = theta.copy(), free.copy()
    start[number], fewer[number] = 0, False
    start[len(theta) - evidence.classes :] = 0
    return (*least(evidence.divergence.slope, start, fewer, evidence.steps), fewer)


def best_next(
    evidence: Evidence, theta: Doubles, value: float, free: Free, channels: int
) -> tuple[Doubles, float, Free] | None:
    """The one gain or bias more that explains most: where it leads, the value there, what is free then."""
    if not np.isfinite(evidence.price):
        return None
    numbers = slice(3, 3 + 2 * channels)
    promised = np.where(free[numbers], 0, _promised(evidence.divergence, theta, free)[numbers])
    tries = []
    for number in np.argsort(-promised)[:STARTS]:
        wider = free.copy()
        wider[3 + number] = True
        tries.append((*least(evidence.divergence.slope, theta, wider, evidence.steps), wider))
    return min(tries, key=lambda row: row[1])


def _promised(divergence: Divergence, theta: Doubles, free: Free) -> Doubles:
    """(numbers,): what each would explain, by one Newton step together with the ``free`` ones."""
    gradient, bend = divergence.slope(theta)[1], _bend(divergence, theta)
    if not (np.isfinite(bend).all() and np.isfinite(gradient).all()):
        return np.zeros(len(theta))
    held = np.eye(len(theta))[:, free]
    inner = np.linalg.pinv(held.T @ bend @ held, hermitian=True)
    slope = gradient - bend @ held @ inner @ (held.T @ gradient)
    stiffness = np.diag(bend - bend @ held @ inner @ held.T @ bend)
    return np.asarray(np.square(slope) / np.maximum(2 * stiffness, 1e-9))


def _bend(divergence: Divergence, theta: Doubles) -> Doubles:
    """(numbers, numbers), second derivatives, from differences of slopes."""
    steps = BEND_STEP * np.eye(len(theta))
    rows = [divergence.slope(theta + step)[1] - divergence.slope(theta - step)[1] for step in steps]
    found = np.stack(rows) / (2 * BEND_STEP)
    return np.asarray((found + found.T) / 2)


def free_numbers(numbers: int, classes: int, turned: bool) -> Free:
    free = np.zeros(numbers, np.bool_)
    free[:3] = turned
    free[numbers - classes :] = True
    return free


def _box() -> Doubles:
    """(24, 3), rotation vectors of the ways a box can stand."""
    found = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.eye(3)[list(order)] * np.array(signs)[:, None]
            if np.linalg.det(matrix) > 0:
                found.append(rotation_vector(matrix))
    return np.stack(found)


BOX = _box()
