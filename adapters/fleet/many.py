"""Several candidates for one device as few programs: scopes, objectives, options and seeds side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adapters import catalog
from adapters.engine import Adapted, checked
from adapters.fleet.together import Job, adapt_together
from adapters.objective import Objective
from adapters.options import Options
from adapters.scopes import Scope
from nets.model import Model
from slipway.errors import Refused
from slipway.windows import Answers, Values


@dataclass(frozen=True)
class Plan:
    """One candidate.

    Args:
        scope: which arrays may change, as a value or as text.
        objective: what pulls them, as a value or as text.
        options: step sizes and the like.
        seed: of order, split and initial numbers.
    """

    scope: Scope | str
    objective: Objective | str
    options: Options = field(default_factory=Options)
    seed: int = 0


def adapt_many(
    base: Model,
    plans: Sequence[Plan],
    *,
    target_values: Values,
    target_labels: Answers | None = None,
    source_values: Values | None = None,
    source_labels: Answers | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Adapted | Refused]:
    """``engine.adapt`` for every plan; those whose programs agree in shape run as lanes of one.

    Plans of the same scope and the same terms agree whatever their seeds, learning rates, weights and pulls.

    Args:
        base: the model to fit to the target.
        plans: the candidates.
        target_values: (count, time, channels), what the device measured.
        target_labels: (count,), -1 where nobody said; (count, outputs) of a regression, NaN where nobody said.
        source_values: (count, time, channels), what the base learned from.
        source_labels: likewise.
        should_stop: asked after every pass.

    Returns:
        For each plan its outcome, or why it was refused.

    Raises:
        Refused: windows that do not fit, or a scope or an objective that is not known.
        Cancelled: ``should_stop`` said so.
    """
    target = checked(base, target_values, target_labels, "target")
    source = None if source_values is None else checked(base, source_values, source_labels, "source")
    prepared: dict[str, Model] = {}
    jobs = []
    for plan in plans:
        scope = catalog.scope(plan.scope) if isinstance(plan.scope, str) else plan.scope
        objective = catalog.objective(plan.objective) if isinstance(plan.objective, str) else plan.objective
        model = prepared.setdefault(scope.text, scope.prepared(base))
        jobs.append(Job(model, scope, objective, plan.options, plan.seed, target, source))
    return adapt_together(base, jobs, should_stop=should_stop)[0]
