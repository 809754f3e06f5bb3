"""Is a distribution sound? Its numbers finite and in order, its lists and its nesting within limits.

Distributions are plain records that anybody may fill; a prior asks here before it takes one.
"""

from collections.abc import Sequence
from dataclasses import astuple
from itertools import pairwise

import numpy as np

from sim.distributions import Between, Choice, Distribution, LogUniform, Normal, Quantiles, Scaled, Shifted, Uniform

DEPTH_LIMIT = 8  # of distributions one in another
VALUE_LIMIT = 1024  # numbers of a Choice or of Quantiles
LARGEST = float(np.finfo(np.float32).max)


def problem(distribution: object, depth: int = 1) -> str | None:
    """What is wrong with a distribution, its numbers or those of what it is made from; ``None`` if nothing is."""
    if not isinstance(distribution, Distribution):
        return "needs a distribution"
    if depth > DEPTH_LIMIT:
        return f"may be nested {DEPTH_LIMIT} deep at most"
    match distribution:
        case Scaled(base, number) | Shifted(base, number):
            return problem(base, depth + 1) or _number_problem((number,))
        case Between(base, low, high):
            wrong = problem(base, depth + 1) or _number_problem((low, high))
            return wrong or (None if 0 <= low <= high <= 1 else "needs 0 <= low <= high <= 1")
        case Quantiles(values):
            return _list_problem(values) or _quantiles_problem(values)
        case Choice(values, weights):
            return _list_problem(values) or _list_problem(weights) or _choice_problem(values, weights)
        case _:
            return _number_problem(astuple(distribution)) or _order_problem(distribution)


def _number_problem(numbers: Sequence[object]) -> str | None:
    finite = all(isinstance(n, int | float) and -LARGEST <= n <= LARGEST for n in numbers)
    return None if finite else "needs finite numbers"


def _list_problem(values: object) -> str | None:
    if not isinstance(values, tuple) or not 1 <= len(values) <= VALUE_LIMIT:
        return f"needs tuples of 1 to {VALUE_LIMIT} numbers"
    return _number_problem(values)


def _quantiles_problem(values: tuple[float, ...]) -> str | None:
    rising = len(values) >= 2 and all(a <= b for a, b in pairwise(values))
    return None if rising else "needs two or more values that never fall"


def _choice_problem(values: tuple[float, ...], weights: tuple[float, ...]) -> str | None:
    sound = len(values) == len(weights) and min(weights) >= 0 and sum(weights) > 0
    return None if sound else "needs values with as many weights, none negative, not all zero"


def _order_problem(distribution: Distribution) -> str | None:
    match distribution:
        case LogUniform(low, _) if low <= 0:
            return "needs low > 0"
        case Normal(_, deviation, _, _) if deviation <= 0:
            return "needs deviation > 0"
        case Uniform(low, high) | LogUniform(low, high) | Normal(_, _, low, high) if low > high:
            return "needs low <= high"
    return None
