"""Whether an objective finds anything in a scope that it can pull: what a byte budget may be spent on."""

from typing import Any

from flax import nnx

from adapters import scopes
from adapters.objective import Objective
from adapters.objectives.moments import MOMENTS
from adapters.scopes import Scope
from nets.model import Model
from nets.network import InputStatistic, names_of


def moves(objective: Objective, scope: Scope, model: Model) -> bool:
    """Whether every term of ``objective`` has something in ``scope`` to change.

    A gradient moves learned numbers; ``moments`` sets statistics; the other closed forms fold a map into the head.
    """
    prepared = scope.prepared(model)
    names = scope.names(prepared)

    def holds(kind: type[nnx.Variable[Any]]) -> bool:
        return bool(names & names_of(prepared.layers, prepared.arrays, kind))

    if objective.descended and not (scope.factors or holds(nnx.Param)):
        return False
    closed = [term for term in objective.terms if term.solve is not None]
    if MOMENTS in closed and not (holds(InputStatistic) or holds(nnx.BatchStat)):
        return False
    return all(term is MOMENTS for term in closed) or scopes.head().names(prepared) <= names
