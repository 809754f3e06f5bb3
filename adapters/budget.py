"""A byte budget instead of a scope: the richest scope whose change fits."""

from collections.abc import Iterable

from adapters import scopes
from adapters.scopes import Scope, free_count, int8_bytes, union
from nets.model import Model
from slipway.errors import Reason, Refused

RANKS = (1, 2, 4, 8)
TOPS = (2, 3)


def candidates(model: Model) -> tuple[Scope, ...]:
    """What a budget is spent on when nothing is named: every scope that this model can have, and the statistics both.

    The sensor's numbers are not among them: they are estimated apart, before any of these.
    """
    statistics = union(scopes.input_statistics(), scopes.norm_statistics())
    whole = [scopes.input_statistics(), scopes.norm_statistics(), statistics, scopes.norm_affine(), scopes.bias()]
    deep = [scopes.film(), scopes.head(), *(scopes.top(count) for count in TOPS), scopes.full()]
    low = [scopes.lora(rank) for rank in RANKS if scopes.lora_fits(model, rank)]
    return tuple(scope for scope in (*whole, *low, *deep) if scope.names(scope.prepared(model)))


def widest(model: Model, byte_budget: int, allowed: Iterable[Scope] | None = None) -> Scope:
    """The scope with the most numbers to choose among those whose change of ``model`` fits ``byte_budget``.

    Between two with as many numbers the smaller wins, then the one named first.

    Args:
        model: the base.
        byte_budget: bytes that the change may take after int8 export (``scopes.int8_bytes``).
        allowed: scopes to choose from, e.g. those that an objective can move; ``candidates`` when None.

    Raises:
        Refused: FIELD_INVALID when none fits, with the budget and the smallest need.
    """
    sized = [(int8_bytes(scope, model), scope) for scope in (candidates(model) if allowed is None else allowed)]
    fitting = [(free_count(scope, model), -size, scope) for size, scope in sized if size <= byte_budget]
    if fitting:
        return max(fitting, key=lambda row: row[:2])[2]
    if not sized:
        problem, remedy = "no scope is allowed within the budget", "Allow at least one."
    else:
        size, scope = min(sized, key=lambda row: row[0])
        problem = f"no scope fits the budget of {byte_budget} bytes; the smallest, {scope.text}, needs {size} bytes"
        remedy = f"Give {size} bytes or more, or name a scope."
    raise Refused(
        Reason.FIELD_INVALID, field="byte_budget", problem=problem, found=f"{byte_budget} bytes", remedy=remedy
    )
