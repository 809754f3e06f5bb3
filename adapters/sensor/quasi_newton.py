"""Least of a smooth function of a few dozen numbers, some of them held."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Slope = Callable[[Doubles], tuple[float, Doubles]]  # numbers → value and gradient

ENOUGH_DECREASE = 1e-4
SHORTEST_STEP = 1e-4
FLAT = 1e-4  # a gradient under it is none


def least(slope: Slope, start: Doubles, free: npt.NDArray[np.bool_], steps: int) -> tuple[Doubles, float]:
    """Where BFGS with halved steps arrives from ``start``, moving the ``free`` numbers only, and the value there.

    A step to a value that is not finite is halved as one that leads up.

    Reference: Nocedal & Wright 2006, Numerical Optimization, algorithm 6.1, with the first scaling of (6.20).
    """
    theta = start.copy()
    value, gradient = slope(theta)
    inverse, scaled = np.eye(int(free.sum())), False
    for _ in range(steps):
        if np.abs(gradient[free]).max(initial=0) < FLAT:
            break
        direction = -inverse @ gradient[free]
        along = direction @ gradient[free]
        if along >= 0:
            inverse, scaled = np.eye(len(direction)), False
            direction, along = -gradient[free], -(gradient[free] @ gradient[free])
        share = min(1.0, 1.0 / np.abs(direction).max())
        while share > SHORTEST_STEP:
            there = theta.copy()
            there[free] += share * direction
            next_value, next_gradient = slope(there)
            if np.isfinite(next_value) and next_value <= value + ENOUGH_DECREASE * share * along:
                break
            share /= 2
        else:
            break
        moved, turned = there[free] - theta[free], (next_gradient - gradient)[free]
        curvature = moved @ turned
        if curvature > 1e-12:
            if not scaled:
                inverse, scaled = np.eye(len(moved)) * curvature / (turned @ turned), True
            left = np.eye(len(moved)) - np.outer(moved, turned) / curvature
            inverse = left @ inverse @ left.T + np.outer(moved, moved) / curvature
        theta, value, gradient = there, next_value, next_gradient
    return theta, value
