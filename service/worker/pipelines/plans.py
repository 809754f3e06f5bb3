"""Which ways to adapt a job asks for: those it names, those that fit its budget, or those the recipe recommends."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass

from adapters import budget, catalog
from adapters.choice import STATISTICS, Plan
from adapters.movable import moves
from adapters.objective import Need
from adapters.receipt.account import device_bytes
from adapters.receipt.explanation import explain
from adapters.recipe import default_plans, named
from nets.model import Model
from service.convert.common import within
from service.domain import AdaptSpec
from slipway.errors import Reason, Refused
from slipway.windows import Answers


@dataclass(frozen=True)
class Plans:
    """What competes with the base.

    Args:
        statistics: what competes in any case.
        asked: what the job names, or the recipe recommends; by name.
        single: whether the job named exactly one.
        explanation: why these, where nobody named any.
    """

    statistics: Mapping[str, Plan]
    asked: Mapping[str, Plan]
    single: bool
    explanation: str

    def all(self) -> dict[str, Plan]:
        """Everything that competes, by name."""
        return {**self.statistics, **self.asked}

    def seeds(self, seed: int) -> dict[str, int]:
        """The seed of every candidate."""
        return {name: seed + plan.repeat for name, plan in self.all().items()}


def plans_of(spec: AdaptSpec, base: Model, labels: Answers | None, *, has_source: bool) -> Plans:
    """Read the job's plans, or choose some for the data at hand.

    Raises:
        Refused: a scope without objectives or the other way round, an unknown one, an objective that compares with a
            source that is not there, or a budget that no scope meets.
    """
    if spec.candidates:
        asked = [_asked(base, spec, plan.scope, plan.objectives) for plan in spec.candidates]
        single = len(asked) == 1
    elif spec.scope or spec.objectives:
        if not spec.objectives or not (spec.scope or spec.byte_budget):
            raise Refused(Reason.FIELD_REQUIRED, field="adapt.scope" if spec.objectives else "adapt.objectives")
        asked, single = [_asked(base, spec, spec.scope, spec.objectives)], True
    else:
        return _recommended(spec, base, labels)
    for number, plan in enumerate(asked):
        with within(f"adapt.candidates[{number}]") if spec.candidates else nullcontext():
            _check(plan, has_source)
    statistics = _affordable(base, STATISTICS, spec.byte_budget)
    return Plans(statistics, _repeated(named(*asked), spec), single, "")


def _asked(base: Model, spec: AdaptSpec, scope: str, objectives: Mapping[str, float]) -> Plan:
    terms = (name if weight in (0.0, 1.0) else f"{name}*{weight}" for name, weight in objectives.items())
    text = " + ".join(terms)
    return Plan(scope or _widest(base, text, spec.byte_budget), text)


def _check(plan: Plan, has_source: bool) -> None:
    catalog.scope(plan.scope)
    objective = catalog.objective(plan.objective)
    if Need.SOURCE_WINDOWS in objective.needs and not has_source:
        raise Refused(Reason.SOURCE_MISSING, field="source_values", name=objective.text)


def _recommended(spec: AdaptSpec, base: Model, labels: Answers | None) -> Plans:
    count = len(base.task.classes) or len(base.task.outputs)
    asked = default_plans(labels, count)
    if spec.byte_budget:
        fitting = _affordable(base, asked, spec.byte_budget)
        text = next(iter(asked.values())).objective
        asked = fitting or named(Plan(_widest(base, text, spec.byte_budget), text))
    statistics = _affordable(base, STATISTICS, spec.byte_budget)
    words = explain(statistics, asked, labels, count, spec.byte_budget)
    return Plans(statistics, _repeated(asked, spec), False, words)


def _repeated(plans: Mapping[str, Plan], spec: AdaptSpec) -> dict[str, Plan]:
    """Every plan as often as the job asks, each time with another seed."""
    return {
        f"{name}, seed {spec.seed + repeat}" if repeat else name: Plan(plan.scope, plan.objective, repeat)
        for name, plan in plans.items()
        for repeat in range(spec.seed_count)
    }


def _affordable(base: Model, plans: Mapping[str, Plan], byte_budget: int) -> dict[str, Plan]:
    return {
        name: plan for name, plan in plans.items() if not byte_budget or device_bytes(base, plan.scope) <= byte_budget
    }


def _widest(base: Model, objective: str, byte_budget: int) -> str:
    """The richest scope within the budget in which the objective has something to pull."""
    pull = catalog.objective(objective)
    with within("adapt"):
        return budget.widest(
            base, byte_budget, [scope for scope in budget.candidates(base) if moves(pull, scope, base)]
        ).text
