"""Which ways to adapt a job asks for: those it names, those that fit its budget, or those the recipe recommends."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np

from adapters import budget, catalog
from adapters.choice import STATISTICS, Plan, hopeless
from adapters.gate.decision import Rules
from adapters.movable import moves
from adapters.objective import Need
from adapters.receipt.account import device_bytes
from adapters.receipt.explanation import explain
from adapters.recipe import DEEP_FROM, default_plans, named
from nets.model import Model
from service.convert.common import within
from service.domain import AdaptSpec
from service.worker.pipelines.papers import Task
from slipway.errors import Reason, Refused
from slipway.windows import Answers, answered


@dataclass(frozen=True)
class Plans:
    """What competes with the base.

    Args:
        statistics: what competes in any case.
        asked: what the job names, or the recipe recommends; by name.
        single: whether the job named exactly one.
        explanation: why these, where nobody named any.
        remarks: what was left out, and why.
    """

    statistics: Mapping[str, Plan]
    asked: Mapping[str, Plan]
    single: bool
    explanation: str
    remarks: tuple[str, ...] = ()

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


def promising(plans: Plans, spec: AdaptSpec, task: Task, rules: Rules) -> Plans:
    """``plans`` without the recommended ones that follow a gradient, where the gate would keep the base whatever they
    found. What the job names is run in any case.
    """
    costly = [name for name, plan in plans.asked.items() if catalog.objective(plan.objective).descended]
    if not (plans.explanation and spec.enforce_gate and costly):
        return plans
    source = None if task.source is None else task.source.values
    why = hopeless(
        task.base, task.values, task.labels, source_values=source, home_confidence=task.confidence, rules=rules
    )
    if not why:
        return plans
    kept = {name: plan for name, plan in plans.asked.items() if name not in costly}
    remark = f"{', '.join(costly)} was left out: {why}, so the gate would keep the base whatever it finds."
    return replace(plans, asked=kept, remarks=(remark,))


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
    count = len(base.task.classes)
    asked = quantity_plans(labels) if base.task.outputs else default_plans(labels, count)
    if asked and spec.byte_budget:
        fitting = _affordable(base, asked, spec.byte_budget)
        text = next(iter(asked.values())).objective
        asked = fitting or named(Plan(_widest(base, text, spec.byte_budget), text))
    statistics = _affordable(base, STATISTICS, spec.byte_budget)
    words = explain(statistics, asked, labels, count, spec.byte_budget)
    return Plans(statistics, _repeated(asked, spec), False, words)


def quantity_plans(targets: Answers | None) -> Mapping[str, Plan]:
    """What competes for a regression beside the statistics, by name, cheapest first; nothing without answers.

    The same guidance as for classes, with what serves quantities: no loss without answers is known to help there.

    Args:
        targets: (count, outputs), NaN where nobody said; None when nobody said anything.
    """
    said = 0 if targets is None else int(np.count_nonzero(answered(targets)))
    if not said:
        return {}
    scopes = ("norm_affine", "head", "top(2)") if said < DEEP_FROM else ("head", "top(2)", "full")
    return named(*(Plan(scope, "squared_error") for scope in scopes))


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
