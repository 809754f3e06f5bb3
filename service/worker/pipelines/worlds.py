"""Simulators by name: those of this package and the operator's own, and what the server is told about them."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from service.catalogue import worlds
from service.worker.context import Context
from sim.catalog import WORLDS, load
from sim.distributions import KINDS
from sim.priors import Prior
from sim.world import World
from slipway.errors import Reason, Refused

log = logging.getLogger(__name__)


def own_worlds(names: str) -> dict[str, World]:
    """The operator's own worlds, by name. One that cannot be loaded is left out and logged: the others still work.

    Args:
        names: ``module:NAME``, with commas between; from the operator's settings, never from the network.
    """
    found: dict[str, World] = {}
    for name in filter(None, map(str.strip, names.split(","))):
        try:
            world = load(name)
            found[world.name] = world
        except Refused as refused:
            log.error("cannot offer the world %s: %s", name, refused)
    return found


def world_named(name: str, context: Context, field: str) -> World:
    """The world of that name.

    Raises:
        Refused: FIELD_INVALID, with the names that there are.
    """
    known = {**WORLDS, **context.worlds}
    if name not in known:
        raise unknown(field, name, known)
    world: World = known[name]
    return world


def prior_of(world: World, changes: Mapping[str, Any]) -> Prior:
    """The world's own prior, with the rows of ``changes`` in place of its own.

    Raises:
        Refused: FIELD_INVALID, naming the parameter.
    """
    if not changes:
        return world.prior
    return Prior.from_json({**world.prior.to_json(), **changes}, world.prior.parameters)


def describe(world: World) -> worlds.World:
    """What a server, which loads no simulator, has to know to check jobs."""
    parameters = world.prior.parameters
    return worlds.World(
        name=world.name,
        task=world.task,
        bounds={parameter.name: (parameter.low, parameter.high) for parameter in parameters},
        units={parameter.name: parameter.unit for parameter in parameters},
        kinds={kind: tuple(option.name for option in fields(made)) for kind, made in KINDS.items()},
        explains=world.explain is not None,
    )


def unknown(field: str, found: str, known: Iterable[str]) -> Refused:
    """The refusal of a name that is in no table."""
    remedy = f"Use one of {', '.join(sorted(known))}."
    return Refused(Reason.FIELD_INVALID, field=field, problem="is not known here", found=repr(found), remedy=remedy)
