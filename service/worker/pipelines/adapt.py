"""Fit a version to what a device measured; ship only what the gate lets through, with a receipt in any case."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from adapters.choice import Chosen, Plan, choose
from adapters.engine import Adapted
from adapters.engine import adapt as run_plan
from adapters.gate.decision import BASE, Decision, Row, Rules
from adapters.options import Options
from adapters.recipe import EFFORT
from nets.checkpoints import Checkpoint
from nets.model import Model
from service import domain
from service.domain import AdaptSpec, DataReference, Outcome
from service.worker.context import Context, StoredWindows
from service.worker.pipelines.beside import found_beside
from service.worker.pipelines.fit import check_fit
from service.worker.pipelines.fleet import each
from service.worker.pipelines.papers import Task, origin_of, papers
from service.worker.pipelines.plans import plans_of
from service.worker.pipelines.sample import source_of
from service.worker.pipelines.stages import Stages
from service.worker.pipelines.statistics import from_statistics
from service.worker.pipelines.version import adapted
from slipway.errors import Reason, Refused
from slipway.windows import answered, check_values

STEPS_SHOWN = 20  # epochs after which a bar of unknown length is full


def adapt(spec: AdaptSpec, context: Context) -> Outcome:
    """Let the base, its statistics and the asked-for or recommended methods compete on the target, or on each of many.

    Raises:
        Refused: windows that do not fit, an unknown scope or objective, data that the objective lacks, or a budget that
            no scope meets. Of a fleet's devices none is, its row says why.
        Cancelled: the job was asked to stop.
    """
    return each(spec, context, adapt_one) if spec.targets else adapt_one(spec, context)


def adapt_one(spec: AdaptSpec, context: Context) -> Outcome:
    """The same for one device."""
    stages = Stages(context)
    with stages.stage("reading"):
        base, target = Model.from_bytes(context.artifact(spec.base, "model")), context.dataset(spec.target)
        check_fit(target, base.task, "adapt.target")
        if not len(target.values) and target.statistics is not None:
            return from_statistics(spec, context, base, target)
        task = _task(spec, context, base, target)
    plans = plans_of(spec, base, task.labels, has_source=task.source is not None)
    options, rules = options_of(spec), Rules()
    with stages.stage("adapting"):
        chosen = choose(
            base,
            plans.asked,
            statistics=plans.statistics,
            **_windows(task),
            home_confidence=task.confidence,
            options=options,
            rules=rules,
            effort=EFFORT if plans.explanation else None,
            seed=spec.seed,
            progress=stages.epochs("adapting", STEPS_SHOWN),
            should_stop=context.should_stop,
            checkpoint=Checkpoint(context.folder / "choosing", every_seconds=5.0),
        )
    name, model = chosen.decision.chosen if chosen.decision.promoted else BASE, chosen.model
    factors = chosen.candidates[name].factors if name != BASE else {}
    if not spec.enforce_gate:
        name = next(iter(plans.asked)) if plans.single else _best(chosen, plans.asked)
        with stages.stage("refitting"):
            again = _refit(spec, context, task, plans.asked[name], options, stages)
            model, factors = again.model, again.factors
    with stages.stage("measuring"):
        told = found_beside(spec, context, task, plans, chosen, options, name, model)
    with stages.stage("reporting"):
        files = papers(
            task,
            chosen,
            origin_of(spec, context, target, task.source_data),
            told,
            options=options,
            rules=rules,
            seeds=plans.seeds(spec.seed),
            shipped=name,
            model=model,
            seconds=sum(stages.seconds.values()),
        )
    rest: dict[str, Any] = {
        "decision": decision_of(chosen.decision, rules),
        "stage_seconds": stages.seconds,
        "explanation": plans.explanation,
    }
    if name == BASE:
        return Outcome(artifacts=files, **rest)
    data = DataReference(target.name, target.sha256, len(task.values))
    return adapted(spec, context, base, model, name=name, data=data, files=files, factors=factors, **rest)


def options_of(spec: AdaptSpec) -> Options:
    """How the candidates run; what the job leaves out has its default.

    Raises:
        Refused: FIELD_INVALID, a number out of its bounds.
    """
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in spec.options.items()
    }
    return Options(**given)


def decision_of(decision: Decision, rules: Rules) -> domain.Decision:
    """The gate's answer as the catalogue keeps it, with the confidence that it demands."""
    rows = tuple(_evidence(row) for row in decision.evidence)
    return domain.Decision(decision.chosen, decision.promoted, decision.reason, rows, rules.confidence)


def _task(spec: AdaptSpec, context: Context, base: Model, target: StoredWindows) -> Task:
    if not len(target.values):
        raise Refused(Reason.DATASET_EMPTY, field="adapt.target", name=target.name)
    values = check_values(np.asarray(target.values), base.task.sensor, "adapt.target")
    labels = np.asarray(target.labels)
    source, data = source_of(spec, context, base.task)
    return Task(
        base=base,
        target=target,
        values=values,
        labels=labels if answered(labels).any() else None,
        source=None if spec.source_free else source,
        source_data=None if spec.source_free else data,
        confidence=source.confidence,
    )


def _windows(task: Task) -> dict[str, Any]:
    """What both a choice and a single run learn from."""
    return {
        "target_values": task.values,
        "target_labels": task.labels,
        "source_values": None if task.source is None else task.source.values,
        "source_labels": None if task.source is None else task.source.labels,
    }


def _best(chosen: Chosen, plans: Mapping[str, Plan]) -> str:
    """The plan that stands best before the gate, whether or not it was let through."""
    places = {row.name: row.rank for row in chosen.decision.evidence if row.rank is not None}
    return min(plans, key=lambda name: places.get(name, np.inf))


def _refit(spec: AdaptSpec, context: Context, task: Task, plan: Plan, options: Options, stages: Stages) -> Adapted:
    """The plan once more, with the labels that the gate had kept."""
    return run_plan(
        task.base,
        scope=plan.scope,
        objective=plan.objective,
        **_windows(task),
        options=options,
        seed=spec.seed + plan.repeat,
        progress=stages.epochs("refitting", STEPS_SHOWN),
        should_stop=context.should_stop,
        checkpoint=Checkpoint(context.folder / "refitting", every_seconds=5.0),
    )


def _evidence(row: Row) -> domain.Evidence:
    told = {} if row.labelled_accuracy is None else {"labels": row.labelled_accuracy}
    return domain.Evidence(row.name, {**row.scores, **told}, row.rank or 0.0, row.veto)
