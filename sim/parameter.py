"""One number of a simulator that may be uncertain: its name, unit and physical bounds."""

from dataclasses import dataclass

import jax

from sim.distributions import KINDS, Distribution
from sim.sound import problem
from slipway.errors import Reason, Refused

Parameters = dict[str, jax.Array]  # one value (or one vector) a name; leading axis (count,) after sampling


@dataclass(frozen=True)
class Parameter:
    """One number of a simulator that may be uncertain.

    Args:
        name: unique within its world; ends in its unit where it has one (``speed_m_s``).
        unit: UCUM code.
        low: smallest value that is physically possible.
        high: largest value that is physically possible.
        doc: one line: what it is.
        size: 1 for a number, n for n independent draws from the same distribution (one for each beam of a ring).
    """

    name: str
    unit: str
    low: float
    high: float
    doc: str
    size: int = 1


def check_distribution(parameter: Parameter, distribution: object) -> None:
    """Refuse a distribution that is not sound, or that leaves the parameter's physical bounds.

    Raises:
        Refused: FIELD_INVALID, naming the parameter.
    """
    wrong = problem(distribution)
    if wrong:
        remedy = "Correct its numbers." if isinstance(distribution, Distribution) else f"Use one of {', '.join(KINDS)}."
        _refuse(parameter, wrong, repr(distribution), remedy)
    assert isinstance(distribution, Distribution)
    low, high = distribution.support()
    if low < parameter.low or high > parameter.high:
        bounds = f"{parameter.low:g} to {parameter.high:g} {parameter.unit}"
        _refuse(parameter, f"must stay within {bounds}", distribution, f"Keep {parameter.name} within {bounds}.")


def _refuse(parameter: Parameter, problem: str, found: object, remedy: str) -> None:
    field = f"prior.{parameter.name}"
    raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
