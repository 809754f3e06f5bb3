"""Domain randomisation as a value: a distribution over the named parameters of a world.

A prior prints, compares, survives JSON and is sampled again years later with the same numbers. Every distribution is
its quantile function, so a draw is ``quantile(u)`` of a uniform number and a prior's centre is ``quantile(0.5)``.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from sim.distributions import KINDS, Choice, Constant, Distribution, LogUniform, Normal, Uniform, problem
from slipway.errors import Reason, Refused

__all__ = [
    "Choice", "Constant", "Distribution", "LogUniform", "Normal", "Parameter", "Parameters", "Prior", "Uniform",
]  # fmt: skip

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


@dataclass(frozen=True)
class Prior:
    """A distribution for every parameter of a world.

    Args:
        parameters: what may vary, with physical bounds.
        distributions: one for each parameter, in the same order.

    Raises:
        Refused: FIELD_INVALID, naming the parameter: outside its physical bounds, or not a distribution at all.
    """

    parameters: tuple[Parameter, ...]
    distributions: tuple[Distribution, ...]

    def __post_init__(self) -> None:
        if len(self.parameters) != len(self.distributions):
            found = f"{len(self.distributions)} distributions"
            _refuse("prior", f"needs {len(self.parameters)}, one a parameter", found, "Give each parameter one.")
        for parameter, distribution in zip(self.parameters, self.distributions, strict=True):
            _check(parameter, distribution)

    def __getitem__(self, name: str) -> Distribution:
        return self.distributions[self._index(name)]

    def __str__(self) -> str:
        wide = max(len(parameter.name) for parameter in self.parameters)
        rows = zip(self.parameters, self.distributions, strict=True)
        return "\n".join(f"{p.name:<{wide}}  {d}  [{p.unit}]  {p.doc}" for p, d in rows)

    def sample(self, key: jax.Array, count: int) -> Parameters:
        """Draw ``count`` sets of parameters.

        A parameter's draws depend on the key and its own name alone: adding or changing another moves nothing.

        Returns:
            ``{name: (count,)}``, or ``(count, size)`` where the parameter has a size.
        """
        chances = {size: _chances(key, self._names(size), size, count) for size in {p.size for p in self.parameters}}
        rows = zip(self.parameters, self.distributions, strict=True)
        return {p.name: d.quantile(next(chances[p.size])) for p, d in rows}

    def centre(self) -> Parameters:
        """The median of every parameter: ``{name: ()}`` or ``(size,)``. A typical world without chance."""
        half = jnp.asarray(0.5, jnp.float32)
        return {
            p.name: d.quantile(half if p.size == 1 else jnp.full((p.size,), half))
            for p, d in zip(self.parameters, self.distributions, strict=True)
        }

    def replace(self, **changes: Distribution | float) -> "Prior":
        """A prior with some distributions exchanged; a plain number means ``Constant``.

        Raises:
            Refused: FIELD_INVALID: an unknown parameter, or one outside its bounds.
        """
        found = list(self.distributions)
        for name, change in changes.items():
            found[self._index(name)] = Constant(float(change)) if isinstance(change, int | float) else change
        return Prior(self.parameters, tuple(found))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values ``{name: {"kind": ..., ...}}``; ``from_json`` is its inverse."""
        rows = zip(self.parameters, self.distributions, strict=True)
        plain = {p.name: {"kind": type(d).__name__, **asdict(d)} for p, d in rows}
        return dict(json.loads(json.dumps(plain)))

    @staticmethod
    def from_json(value: object, parameters: Sequence[Parameter]) -> "Prior":
        """Read what ``to_json`` wrote, against the parameters of the world it is meant for.

        Raises:
            Refused: FIELD_INVALID or FIELD_REQUIRED, naming the parameter.
        """
        if not isinstance(value, Mapping):
            _refuse("prior", "needs an object", type(value).__name__, "Send {name: {kind: ..., ...}}.")
            raise AssertionError
        known = {parameter.name for parameter in parameters}
        for name in value:
            if name not in known:
                _unknown(str(name), known)
        for name in sorted(known - set(value)):
            raise Refused(Reason.FIELD_REQUIRED, field=f"prior.{name}")
        return Prior(tuple(parameters), tuple(_distribution(p.name, value[p.name]) for p in parameters))

    def _names(self, size: int) -> list[str]:
        return [parameter.name for parameter in self.parameters if parameter.size == size]

    def _index(self, name: str) -> int:
        names = [parameter.name for parameter in self.parameters]
        if name not in names:
            _unknown(name, set(names))
        return names.index(name)


def _chances(key: jax.Array, names: list[str], size: int, count: int) -> Iterator[jax.Array]:
    """Uniform numbers (names, count) or (names, count, size), those of a name from its own key."""
    marks = jnp.asarray([zlib.crc32(name.encode()) for name in names], jnp.uint32)
    return iter(_draw(key, marks, (count,) if size == 1 else (count, size)))


@partial(jax.jit, static_argnums=2)
def _draw(key: jax.Array, marks: jax.Array, shape: tuple[int, ...]) -> list[jax.Array]:
    def one(mark: jax.Array) -> jax.Array:
        return jax.random.uniform(jax.random.fold_in(key, mark), shape, jnp.float32, minval=1e-7)

    return list(jax.vmap(one)(marks))


def _refuse(field: str, problem: str, found: object, remedy: str) -> None:
    raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)


def _unknown(name: str, known: set[str]) -> None:
    _refuse(f"prior.{name}", "is no parameter of this world", repr(name), f"Known: {', '.join(sorted(known))}.")


def _distribution(name: str, value: object) -> Distribution:
    field = f"prior.{name}"
    if not isinstance(value, Mapping) or value.get("kind") not in KINDS:
        _refuse(field, "needs a kind of distribution", repr(value), f"Use one of {', '.join(KINDS)}.")
        raise AssertionError
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items() if k != "kind"}
    kind: Callable[..., Distribution] = KINDS[value["kind"]]
    needed = [field.name for field in fields(KINDS[value["kind"]])]
    if set(options) != set(needed):
        _refuse(field, f"{value['kind']} needs exactly {needed}", sorted(options), "Correct its options.")
    return kind(**options)


def _check(parameter: Parameter, distribution: Distribution) -> None:
    field = f"prior.{parameter.name}"
    if not isinstance(distribution, Distribution):
        _refuse(field, "needs a distribution", repr(distribution), f"Use one of {', '.join(KINDS)}.")
    wrong = problem(distribution)
    if wrong:
        _refuse(field, wrong, distribution, "Correct its numbers.")
    low, high = distribution.support()
    if low < parameter.low or high > parameter.high:
        bounds = f"{parameter.low:g} to {parameter.high:g} {parameter.unit}"
        _refuse(field, f"must stay within {bounds}", distribution, f"Keep {parameter.name} within {bounds}.")
