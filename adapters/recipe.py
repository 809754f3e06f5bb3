"""Which method when: what competes when nobody names a method.

The classic guidance of transfer learning: little target data and a near task ask for the head, more data or a farther
task for deeper layers, and no labels at all for statistics first and affine numbers next. The cheaper comes first, so
it wins a tie before the gate.

Reference: Yosinski et al. 2014, How transferable are features in deep neural networks?, https://arxiv.org/abs/1411.1792.
"""

from collections.abc import Mapping

from adapters.choice import Plan
from adapters.gate.rehearsal import Effort
from slipway.windows import UNLABELLED, Labels

EFFORT = Effort(finalists=0)  # only closed forms are rehearsed: seconds, where a gradient would take minutes
DEEP_FROM = 50  # labels a class from which deeper layers are worth a try


def default_plans(labels: Labels | None, class_count: int) -> Mapping[str, Plan]:
    """Plans beside the statistics, by name, cheapest first.

    Args:
        labels: (count,), -1 where nobody said; None when nobody said anything.
        class_count: classes of the task.
    """
    said = 0 if labels is None else int((labels != UNLABELLED).sum())
    if not said:
        return named(Plan("norm_affine", "information_maximisation"))
    if said < DEEP_FROM * class_count:
        return named(Plan("head", "cross_entropy"), Plan("top(2)", "cross_entropy"))
    return named(Plan("top(2)", "cross_entropy"), Plan("full", "cross_entropy"))


def named(*plans: Plan) -> dict[str, Plan]:
    """Plans under the names they have before the gate: scope × objective."""
    return {f"{plan.scope} × {plan.objective}": plan for plan in plans}
