"""Fit a version to what a device measured; ship only what the gate lets through."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adapters.choice import Chosen, Plan, choose
from adapters.decision import Decision, Row
from adapters.engine import adapt as run_plan
from adapters.recipe import default_plans, named
from nets.checkpoints import Checkpoint
from nets.model import Model
from service import domain
from service.domain import AdaptSpec, DataReference, Outcome
from service.worker.context import Context, StoredWindows
from service.worker.pipelines.fit import check_fit
from service.worker.pipelines.sample import Sample, decode
from service.worker.pipelines.stages import Stages
from service.worker.pipelines.statistics import from_statistics
from service.worker.pipelines.version import adapted
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import UNLABELLED, Labels, Values, check_values

STEPS_SHOWN = 20  # epochs after which a bar of unknown length is full


@dataclass(frozen=True)
class Task:
    """A base, the device's windows, and what the base learned from."""

    base: Model
    target: StoredWindows
    values: Values
    labels: Labels | None
    source: Sample


def adapt(spec: AdaptSpec, context: Context) -> Outcome:
    """Let the base, its statistics and the asked-for or recommended methods compete on the target.

    Raises:
        Refused: windows that do not fit, an unknown scope or objective, or data that the objective lacks.
        Cancelled: the job was asked to stop.
    """
    stages = Stages(context)
    with stages.stage("reading"):
        base, target = Model.from_bytes(context.artifact(spec.base, "model")), context.dataset(spec.target)
        check_fit(target, base.task, "adapt.target")
        if not len(target.values) and target.statistics is not None:
            return from_statistics(spec, context, base, target)
        task = _task(spec, context, base, target)
    plans = _plans(spec, task)
    with stages.stage("adapting"):
        chosen = choose(
            task.base,
            plans,
            target_values=task.values,
            target_labels=task.labels,
            source_values=task.source.values,
            source_labels=task.source.labels,
            home_confidence=task.source.confidence,
            seed=spec.seed,
            progress=stages.epochs("adapting", STEPS_SHOWN),
            should_stop=context.should_stop,
            checkpoint=Checkpoint(context.folder / "choosing", every_seconds=5.0),
        )
    name, model = chosen.decision.chosen, chosen.model
    if not spec.enforce_gate:
        name = next(iter(plans)) if spec.scope else _best(chosen, plans)
        with stages.stage("refitting"):
            model = _refit(spec, context, task, plans[name], stages)
    decision = _decision(chosen.decision)
    if model is task.base:
        return Outcome(decision=decision, stage_seconds=stages.seconds)
    data = DataReference(task.target.name, task.target.sha256, len(task.values))
    rest = {"decision": decision, "stage_seconds": stages.seconds}
    return adapted(spec, context, task.base, model, name=name, data=data, **rest)


def _task(spec: AdaptSpec, context: Context, base: Model, target: StoredWindows) -> Task:
    if not len(target.values):
        raise Refused(Reason.DATASET_EMPTY, field="adapt.target", name=target.name)
    labels = np.asarray(target.labels)
    values = check_values(np.asarray(target.values), base.task.sensor, "adapt.target")
    return Task(
        base, target, values, labels if (labels != UNLABELLED).any() else None, _source(spec, context, base.task)
    )


def _source(spec: AdaptSpec, context: Context, task: TaskSpec) -> Sample:
    """The source that the job names, else the sample kept beside the base."""
    if spec.source:
        stored = context.dataset(spec.source)
        check_fit(stored, task, "adapt.source")
        return Sample(np.asarray(stored.values), np.asarray(stored.labels), None)
    return decode(context.artifact(spec.base, "source"))


def _plans(spec: AdaptSpec, task: Task) -> Mapping[str, Plan]:
    if not spec.scope and not spec.objectives:
        return default_plans(task.labels, len(task.base.task.classes))
    if not spec.scope or not spec.objectives:
        missing = "adapt.objectives" if spec.scope else "adapt.scope"
        raise Refused(Reason.FIELD_REQUIRED, field=missing)
    terms = (name if weight in (0.0, 1.0) else f"{name}*{weight}" for name, weight in spec.objectives.items())
    return named(Plan(spec.scope, " + ".join(terms)))


def _best(chosen: Chosen, plans: Mapping[str, Plan]) -> str:
    """The plan that stands best before the gate, whether or not it was let through."""
    places = {row.name: row.rank for row in chosen.decision.evidence if row.rank is not None}
    return min(plans, key=lambda name: places.get(name, np.inf))


def _refit(spec: AdaptSpec, context: Context, task: Task, plan: Plan, stages: Stages) -> Model:
    """The plan once more, with the labels that the gate had kept."""
    return run_plan(
        task.base,
        scope=plan.scope,
        objective=plan.objective,
        target_values=task.values,
        target_labels=task.labels,
        source_values=task.source.values,
        source_labels=task.source.labels,
        seed=spec.seed,
        progress=stages.epochs("refitting", STEPS_SHOWN),
        should_stop=context.should_stop,
        checkpoint=Checkpoint(context.folder / "refitting", every_seconds=5.0),
    ).model


def _decision(decision: Decision) -> domain.Decision:
    return domain.Decision(
        decision.chosen, decision.promoted, decision.reason, tuple(_evidence(row) for row in decision.evidence)
    )


def _evidence(row: Row) -> domain.Evidence:
    return domain.Evidence(row.name, dict(row.scores), row.rank or 0.0, row.veto)
