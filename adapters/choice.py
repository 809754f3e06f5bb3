"""Adapt in several ways and let the gate choose: what a job does when nobody names a method."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters import catalog
from adapters.descent import part
from adapters.engine import Adapted, adapt, checked, source_marginal
from adapters.gate.decision import BASE, Decision, Rules
from adapters.gate.evidence import Floats
from adapters.gate.held_out import HeldOut, hold_out
from adapters.gate.promotion import decide
from adapters.gate.regression import FEWEST
from adapters.gate.rehearsal import Effort, Method
from adapters.objective import Need
from adapters.options import Options
from nets.checkpoints import Checkpoint
from nets.inference import logits, probabilities
from nets.model import Model
from nets.training import Progress
from slipway.windows import Answers, Values, answered


@dataclass(frozen=True)
class Plan:
    """One way to adapt: a scope and an objective as they are written in a job.

    Args:
        scope: such as ``"top(2)"``.
        objective: such as ``"coral*0.5 + cross_entropy"``.
        repeat: 0 for the first run of the plan; others run with that many more than the job's seed.
    """

    scope: str
    objective: str
    repeat: int = 0


STATISTICS: Mapping[str, Plan] = {
    "input_statistics": Plan("input_statistics", "moments"),
    "norm_statistics": Plan("norm_statistics", "moments"),
    "all_statistics": Plan("input_statistics + norm_statistics", "moments"),
}


@dataclass(frozen=True)
class Chosen:
    """What was shipped and what it was chosen from.

    Args:
        model: the base, or the candidate the gate let through.
        decision: the gate's word.
        candidates: every candidate by name.
    """

    model: Model
    decision: Decision
    candidates: Mapping[str, Adapted]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "decision": self.decision.to_json(),
            "candidates": {name: adapted.report.to_json() for name, adapted in self.candidates.items()},
        }


def choose(
    base: Model,
    plans: Mapping[str, Plan],
    *,
    statistics: Mapping[str, Plan] | None = None,
    target_values: Values,
    target_labels: Answers | None = None,
    source_values: Values | None = None,
    source_labels: Answers | None = None,
    home_confidence: float | None = None,
    options: Options | None = None,
    rules: Rules | None = None,
    effort: Effort | None = None,
    made: Mapping[str, Adapted] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Chosen:
    """Run ``STATISTICS`` and ``plans`` from the same base, and let the gate choose.

    Args:
        base: the model to fit to the target.
        plans: further ways to adapt, by name.
        statistics: what competes in any case; ``STATISTICS`` when None, fewer where a device has no room for them.
        target_values: (count, time, channels), in the order they were recorded.
        target_labels: (count,), -1 where nobody said, or (count, outputs), NaN where nobody said; the gate judges by
            those that a candidate did not learn from.
        source_values: (count, time, channels).
        source_labels: (count,).
        home_confidence: the base's mean confidence on held-out source windows, as its pretraining found; measured on
            the source windows when None.
        options: of every candidate.
        rules: of the gate.
        effort: how much is rehearsed before the gate decides without labels.
        made: candidates that were run already, from the labels that ``hold_out`` lets them learn; the others are run.
        seed: of order, split, noise.
        progress: called after every epoch.
        should_stop: asked after every epoch.
        checkpoint: where to save, and to resume from.

    Raises:
        Refused: as ``adapt``.
        Cancelled: ``should_stop`` said so.
    """
    options = options or Options()
    target = checked(base, target_values, target_labels, "target")
    source = None if source_values is None else checked(base, source_values, source_labels, "source")
    held_out = hold_out(target, len(base.task.classes), seed)
    competing = {**(STATISTICS if statistics is None else statistics), **plans}
    competing = {name: plan for name, plan in competing.items() if name != BASE}

    def run(plan: Plan, labels: Answers | None, values: Values = target.values, **hooks: Any) -> Adapted:
        return adapt(
            base,
            scope=plan.scope,
            objective=plan.objective,
            target_values=values,
            target_labels=labels,
            source_values=None if source is None else source.values,
            source_labels=None if source is None else source.labels,
            options=options,
            seed=seed + plan.repeat,
            should_stop=should_stop,
            **hooks,
        )

    def crossed(plan: Plan, name: str) -> Floats:
        return _crossed(
            base, held_out, lambda labels, fold: run(plan, labels, checkpoint=part(checkpoint, f"{name}-{fold}")).model
        )

    known = made or {}
    candidates = {
        name: known[name]
        if name in known
        else run(plan, held_out.learned, progress=progress, checkpoint=part(checkpoint, name))
        for name, plan in competing.items()
    }
    learning = [name for name, plan in competing.items() if Need.LABELS in catalog.objective(plan.objective).needs]
    silent = {name: plan for name, plan in competing.items() if name not in learning}
    decision = decide(
        base,
        {name: adapted.model for name, adapted in candidates.items()},
        target.values,
        labelled=held_out.judged,
        crossed={name: crossed(competing[name], name) for name in learning if held_out.folds},
        source=source,
        source_marginal=source_marginal(source, options, len(base.task.classes)) if base.task.classes else None,
        home_confidence=home_confidence,
        methods={name: _method(run, plan) for name, plan in silent.items()},
        costly=frozenset(name for name, plan in silent.items() if catalog.objective(plan.objective).descended),
        effort=effort,
        rules=rules,
        seed=seed,
    )
    return Chosen(candidates[decision.chosen].model if decision.promoted else base, decision, candidates)


def hopeless(
    base: Model,
    values: Values,
    labels: Answers | None,
    *,
    source_values: Values | None = None,
    home_confidence: float | None = None,
    rules: Rules | None = None,
) -> str:
    """Why the gate would not let through a recommended plan that follows a gradient, in words; empty where it may.

    It costs one look at the pool. Who knows it need not follow a gradient whose end would be thrown away.

    Args:
        base: the model that would be kept.
        values: (count, time, channels), the pool.
        labels: (count,) or (count, outputs), as ``choose`` gets them.
        source_values: labelled windows of the source; where there are any, closed forms are rehearsed, gradients not.
        home_confidence: the base's mean confidence at home.
        rules: of the gate.
    """
    rules, said = rules or Rules(), 0 if labels is None else int(answered(labels).sum())
    if base.task.outputs:
        return f"fewer than {FEWEST} windows carry an answer" if said < FEWEST else ""
    if said:
        return ""
    if len(values) < rules.windows:
        return f"the pool has fewer than {rules.windows} windows"
    if home_confidence is None and source_values is not None:
        home_confidence = float(probabilities(base, source_values).max(1).mean())
    if home_confidence is None:
        return "nothing says how sure the base was at home"
    if home_confidence - float(probabilities(base, values).max(1).mean()) < rules.symptom:
        return "the base shows no symptom"
    return (
        "" if source_values is None else "beside a source only what was rehearsed is promoted, and it is not rehearsed"
    )


def _method(run: Callable[..., Adapted], plan: Plan) -> Method:
    return lambda values: run(plan, None, values).model


def _crossed(base: Model, held_out: HeldOut, made: Callable[[Answers, int], Model]) -> Floats:
    """(judged, answers): what models say about the labels they did not learn, fold by fold."""
    assert held_out.judged is not None
    found = np.zeros((len(held_out.judged.labels), base.task.answer_size), np.float32)
    for number, fold in enumerate(held_out.folds):
        found[fold] = logits(made(held_out.without(fold), number), held_out.judged.values[fold])
    return found
