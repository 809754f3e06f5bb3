"""A prior's JSON against the description of a world: what can be seen to be wrong without a simulator.

Unknown parameters, unknown kinds, missing options, and numbers outside the physical bounds are refused here, when a job
is created. Whatever is finer (a correlation that is none, a nested distribution) is for the worker, which builds it.
"""

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from service.catalogue.worlds import World
from slipway.errors import Reason, Refused

GROUPS = "groups"  # the one key that is no parameter
BASE = "base"  # of a distribution that changes another one: its own numbers are factors or offsets
VALUES = ("value", "values", "low", "high")  # options in the parameter's own unit


def check_prior(prior: Mapping[str, Any], world: World, field: str) -> None:
    """Refuse rows that the world cannot take.

    Args:
        prior: distributions by parameter.
        world: what it is for.
        field: where the prior stands in the request.

    Raises:
        Refused: FIELD_INVALID, naming the parameter.
    """
    for name, row in prior.items():
        if name == GROUPS:
            continue
        place = f"{field}.{name}"
        if name not in world.bounds:
            _refuse(place, f"is no parameter of the world {world.name}", repr(name), known_words(world.bounds))
        _check_row(row, world, name, place)


def known_words(names: Collection[str]) -> str:
    """What to choose from, as a remedy."""
    return f"Use one of {', '.join(sorted(names))}."


def _check_row(row: Any, world: World, name: str, place: str) -> None:
    kind = row.get("kind") if isinstance(row, Mapping) else None
    if kind not in world.kinds:
        _refuse(place, "needs a kind of distribution", repr(kind), known_words(world.kinds))
    needed = set(world.kinds[kind])
    if set(row) - {"kind"} != needed:
        found = sorted(set(row) - {"kind"})
        _refuse(place, f"{kind} needs exactly {sorted(needed)}", found, "Correct its options.")
    if BASE not in needed:
        for option in needed.intersection(VALUES):
            _check_numbers(row[option], world, name, f"{place}.{option}")


def _check_numbers(value: Any, world: World, name: str, place: str) -> None:
    low, high = world.bounds[name]
    bounds = f"{low:g} to {high:g} {world.units[name]}"
    for number in value if isinstance(value, list) else (value,):
        if not isinstance(number, int | float) or isinstance(number, bool):
            _refuse(place, "needs a number", repr(number), f"Give numbers from {bounds}.")
        if not low <= number <= high:
            _refuse(place, f"must stay within {bounds}", number, f"Keep {name} within {bounds}.")


def _refuse(field: str, problem: str, found: object, remedy: str) -> NoReturn:
    raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
