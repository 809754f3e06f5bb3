"""Domain randomisation as a value: a distribution over the named parameters of a world.

A prior prints, compares, survives JSON and is sampled again years later with the same numbers. Every distribution is
its quantile function, so a draw is ``quantile(u)`` of a uniform number and a prior's centre is ``quantile(0.5)``.
Parameters are independent but for those that a ``Group`` correlates.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from sim import copula
from sim.copula import Group
from sim.distributions import (
    Between,
    Choice,
    Constant,
    Distribution,
    LogUniform,
    Normal,
    Quantiles,
    Scaled,
    Shifted,
    Uniform,
)
from sim.parameter import Parameter, Parameters, check_distribution
from sim.prior_json import distribution_from_json, distribution_to_json, groups_from_json, groups_to_json
from slipway.errors import Reason, Refused

__all__ = [
    "Between", "Choice", "Constant", "Distribution", "Group", "LogUniform", "Normal", "Parameter", "Parameters",
    "Prior", "Quantiles", "Scaled", "Shifted", "Uniform",
]  # fmt: skip

GROUPS = "groups"  # the key of a prior's JSON that is no parameter


@dataclass(frozen=True)
class Prior:
    """A distribution for every parameter of a world.

    Args:
        parameters: what may vary, with physical bounds.
        distributions: one for each parameter, in the same order.
        groups: parameters that vary together; each in one group at most.

    Raises:
        Refused: FIELD_INVALID, naming the parameter: outside its physical bounds, or not a distribution at all; or
            naming the group: an unknown name, one with several parts or in two groups, not a correlation.
    """

    parameters: tuple[Parameter, ...]
    distributions: tuple[Distribution, ...]
    groups: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        if len(self.parameters) != len(self.distributions):
            found = f"{len(self.distributions)} distributions"
            _refuse("prior", f"needs {len(self.parameters)}, one a parameter", found, "Give each parameter one.")
        for parameter, distribution in zip(self.parameters, self.distributions, strict=True):
            check_distribution(parameter, distribution)
        copula.check(self.groups, {parameter.name: parameter.size for parameter in self.parameters})
        if GROUPS in (parameter.name for parameter in self.parameters):
            _refuse(f"prior.{GROUPS}", "is a reserved name", GROUPS, "Give the parameter another name.")

    def __getitem__(self, name: str) -> Distribution:
        return self.distributions[self._index(name)]

    def __str__(self) -> str:
        wide = max((len(parameter.name) for parameter in self.parameters), default=0)
        rows = zip(self.parameters, self.distributions, strict=True)
        lines = [f"{p.name:<{wide}}  {d}  [{p.unit}]  {p.doc}" for p, d in rows]
        return "\n".join([*lines, *(f"together: {group}" for group in self.groups)])

    def sample(self, key: jax.Array, count: int) -> Parameters:
        """Draw ``count`` sets of parameters.

        A parameter's draws depend on the key and its own name alone, and on its group where it has one: adding or
        changing another moves nothing.

        Returns:
            ``{name: (count,)}``, or ``(count, size)`` where the parameter has a size.
        """
        chances: dict[str, jax.Array] = {}
        for size in {parameter.size for parameter in self.parameters}:
            chances |= _chances(key, self._names(size), size, count)
        for group in self.groups:
            chances |= zip(group.names, copula.correlated(group, [chances[name] for name in group.names]), strict=True)
        rows = zip(self.parameters, self.distributions, strict=True)
        return {p.name: d.quantile(chances[p.name]) for p, d in rows}

    def centre(self) -> Parameters:
        """The median of every parameter: ``{name: ()}`` or ``(size,)``. A typical world without chance."""
        half = jnp.asarray(0.5, jnp.float32)
        return {
            p.name: d.quantile(half if p.size == 1 else jnp.full((p.size,), half))
            for p, d in zip(self.parameters, self.distributions, strict=True)
        }

    def replace(self, **changes: Distribution | float) -> "Prior":
        """A prior with some distributions exchanged, each by its own; a plain number means ``Constant``.

        Raises:
            Refused: FIELD_INVALID: an unknown parameter, or one outside its bounds.
        """
        found = list(self.distributions)
        for name, change in changes.items():
            found[self._index(name)] = Constant(float(change)) if isinstance(change, int | float) else change
        return replace(self, distributions=tuple(found))

    def set(self, *names: str, to: Distribution | float) -> "Prior":
        """A prior in which each of ``names`` follows ``to``; a plain number means ``Constant``.

        Raises:
            Refused: FIELD_INVALID: an unknown parameter, or one outside its bounds. Likewise ``scale`` and ``shift``.
        """
        return self.replace(**dict.fromkeys(names, to))

    def scale(self, *names: str, by: Distribution | float) -> "Prior":
        """A prior in which each of ``names`` is multiplied by a number, or a constant one by random factors."""
        return self.replace(**{name: _scaled(name, self[name], by) for name in names})

    def shift(self, *names: str, by: Distribution | float) -> "Prior":
        """A prior in which a number is added to each of ``names``, or random offsets to a constant one."""
        return self.replace(**{name: _shifted(name, self[name], by) for name in names})

    def together(self, *groups: Group) -> "Prior":
        """A prior with these groups instead of its own."""
        return replace(self, groups=groups)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values ``{name: {"kind": ..., ...}}``, and ``"groups"`` if there are any.

        ``from_json`` is its inverse.
        """
        rows = zip(self.parameters, self.distributions, strict=True)
        plain = {p.name: distribution_to_json(d) for p, d in rows}
        return {**plain, GROUPS: groups_to_json(self.groups)} if self.groups else plain

    @staticmethod
    def from_json(value: object, parameters: Sequence[Parameter]) -> "Prior":
        """Read what ``to_json`` wrote, against the parameters of the world it is meant for.

        Raises:
            Refused: FIELD_INVALID, FIELD_REQUIRED or LIMIT_EXCEEDED, naming the parameter.
        """
        if not isinstance(value, Mapping):
            _refuse("prior", "needs an object", type(value).__name__, "Send {name: {kind: ..., ...}}.")
            raise AssertionError
        known = {parameter.name for parameter in parameters}
        for name in value:
            if name not in known and name != GROUPS:
                _unknown(str(name), known)
        for name in sorted(known - set(value)):
            raise Refused(Reason.FIELD_REQUIRED, field=f"prior.{name}")
        found = tuple(distribution_from_json(f"prior.{p.name}", value[p.name]) for p in parameters)
        return Prior(tuple(parameters), found, groups_from_json(value.get(GROUPS, [])))

    def _names(self, size: int) -> list[str]:
        return [parameter.name for parameter in self.parameters if parameter.size == size]

    def _index(self, name: str) -> int:
        names = [parameter.name for parameter in self.parameters]
        if name not in names:
            _unknown(name, set(names))
        return names.index(name)


def _chances(key: jax.Array, names: list[str], size: int, count: int) -> dict[str, jax.Array]:
    """Uniform numbers, (count,) or (count, size) a name, those of a name from its own key."""
    marks = jnp.asarray([zlib.crc32(name.encode()) for name in names], jnp.uint32)
    drawn = _draw(key, marks, (count,) if size == 1 else (count, size))
    return {name: drawn[number] for number, name in enumerate(names)}


@partial(jax.jit, static_argnums=2)
def _draw(key: jax.Array, marks: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """All names in one array: as many arrays would take several times as long to compile."""

    def one(mark: jax.Array) -> jax.Array:
        return jax.random.uniform(jax.random.fold_in(key, mark), shape, jnp.float32, minval=1e-7)

    return jax.vmap(one)(marks)


def _refuse(field: str, problem: str, found: object, remedy: str) -> None:
    raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)


def _unknown(name: str, known: set[str]) -> None:
    _refuse(f"prior.{name}", "is no parameter of this world", repr(name), f"Known: {', '.join(sorted(known))}.")


def _scaled(name: str, old: Distribution, by: Distribution | float) -> Distribution:
    if isinstance(by, int | float):
        return Scaled(old, float(by))
    return Scaled(by, _value(name, old))


def _shifted(name: str, old: Distribution, by: Distribution | float) -> Distribution:
    if isinstance(by, int | float):
        return Shifted(old, float(by))
    return Shifted(by, _value(name, old))


def _value(name: str, old: Distribution) -> float:
    if not isinstance(old, Constant):
        _refuse(f"prior.{name}", "only a constant takes random changes", old, "Change it by a number, or set it anew.")
        raise AssertionError
    return old.value
