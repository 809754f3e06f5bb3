"""What a scope is, and how scopes add."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from jax import Array

from nets.model import Model

Arrays = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Factors:
    """Fewer learned numbers that make some of a model's arrays.

    Args:
        made: the arrays that they make.
        initial: (model, randomness) → the numbers to start from, with which the arrays stay what they were; their names
            start with a letter.
        merge: all arrays, the numbers among them → the arrays of the layers; pure and compiled.
    """

    made: Callable[[Model], frozenset[str]]
    initial: Callable[[Model, np.random.Generator], Arrays]
    merge: Callable[[Mapping[str, Array]], dict[str, Array]]


@dataclass(frozen=True, eq=False)
class Scope:
    """A choice among a model's arrays.

    Args:
        text: as it is written in a job, e.g. ``"top(2)"``.
        names: the arrays of a prepared model it may touch.
        prepare: gives a model the layer that the scope needs; its answers stay the same.
        factors: fewer numbers that are learned in place of the arrays they make.
    """

    text: str
    names: Callable[[Model], frozenset[str]]
    prepare: Callable[[Model], Model] | None = None
    factors: tuple[Factors, ...] = ()

    def prepared(self, model: Model) -> Model:
        """``model``, with the layer that the scope needs."""
        return model if self.prepare is None else self.prepare(model)


def union(*scopes: Scope) -> Scope:
    """Whatever any of ``scopes`` may touch."""
    if len(scopes) == 1:
        return scopes[0]

    def prepare(model: Model) -> Model:
        for scope in scopes:
            model = scope.prepared(model)
        return model

    return Scope(
        " + ".join(scope.text for scope in scopes),
        lambda model: frozenset().union(*(scope.names(model) for scope in scopes)),
        prepare,
        tuple(factors for scope in scopes for factors in scope.factors),
    )


def size_bytes(scope: Scope, model: Model) -> int:
    """Bytes of the arrays in scope, in float32."""
    model = scope.prepared(model)
    return sum(model.arrays[name].nbytes for name in scope.names(model))


def free_count(scope: Scope, model: Model) -> int:
    """How many numbers an adaptation of ``model`` may choose: those of factors in place of the arrays they make."""
    model = scope.prepared(model)
    random = np.random.default_rng(0)
    made = frozenset().union(*(factors.made(model) for factors in scope.factors))
    learned = (array for factors in scope.factors for array in factors.initial(model, random).values())
    return sum(array.size for array in learned) + sum(model.arrays[name].size for name in scope.names(model) - made)
