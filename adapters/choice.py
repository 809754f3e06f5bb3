"""Adapt in several ways and let the gate choose: what a job does when nobody names a method."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters import gate
from adapters.decision import BASE, Decision, Rules
from adapters.descent import part
from adapters.engine import Adapted, adapt, checked, source_marginal
from adapters.options import Options
from nets.checkpoints import Checkpoint
from nets.model import Model
from nets.training import Progress
from nets.windows import Windows, stratified_split
from slipway.windows import UNLABELLED, Labels, Values


@dataclass(frozen=True)
class Plan:
    """One way to adapt: a scope and an objective as they are written in a job."""

    scope: str
    objective: str


STATISTICS: Mapping[str, Plan] = {
    "input_statistics": Plan("input_statistics", "moments"),
    "norm_statistics": Plan("norm_statistics", "moments"),
    "all_statistics": Plan("input_statistics + norm_statistics", "moments"),
}
GATE_SHARE = 0.3  # of the target's labels, kept from every candidate


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
    target_values: Values,
    target_labels: Labels | None = None,
    source_values: Values | None = None,
    source_labels: Labels | None = None,
    home_confidence: float | None = None,
    options: Options | None = None,
    rules: Rules | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Chosen:
    """Run ``STATISTICS`` and ``plans`` from the same base, and let the gate choose.

    Args:
        base: the model to fit to the target.
        plans: further ways to adapt, by name; the statistics compete in any case.
        target_values: (count, time, channels), in the order they were recorded.
        target_labels: (count,), -1 where nobody said; some of them are kept for the gate.
        source_values: (count, time, channels).
        source_labels: (count,).
        home_confidence: the base's mean confidence on held-out source windows, as its pretraining found; measured on
            the source windows when None.
        options: of every candidate.
        rules: of the gate.
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
    learned, kept = _set_apart(target, seed)
    candidates = {
        name: adapt(
            base,
            scope=plan.scope,
            objective=plan.objective,
            target_values=target.values,
            target_labels=learned,
            source_values=None if source is None else source.values,
            source_labels=None if source is None else source.labels,
            options=options,
            seed=seed,
            progress=progress,
            should_stop=should_stop,
            checkpoint=part(checkpoint, name),
        )
        for name, plan in {**STATISTICS, **plans}.items()
        if name != BASE
    }
    decision = gate.decide(
        base,
        {name: adapted.model for name, adapted in candidates.items()},
        target.values,
        labelled=kept,
        source=source,
        source_marginal=source_marginal(source, options, len(base.task.classes)),
        home_confidence=home_confidence,
        rules=rules,
        seed=seed,
    )
    return Chosen(candidates[decision.chosen].model if decision.promoted else base, decision, candidates)


def _set_apart(target: Windows, seed: int) -> tuple[Labels, Windows | None]:
    """Labels to learn from, the others hidden, and the labelled windows that are the gate's."""
    said = (target.labels != UNLABELLED).nonzero()[0]
    if not len(said):
        return target.labels, None
    rows = said[stratified_split(target.labels[said], GATE_SHARE, seed)[1]]
    learned = target.labels.copy()
    learned[rows] = UNLABELLED
    return learned, Windows(target.values[rows], target.labels[rows])
