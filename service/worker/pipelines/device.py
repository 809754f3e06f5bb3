"""One device: what it sent and what competes for it, then the gate's decision, a receipt and perhaps a version."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters.choice import Chosen, Plan, choose
from adapters.engine import Adapted
from adapters.engine import adapt as run_plan
from adapters.gate.decision import BASE, Decision, Row, Rules
from adapters.options import Options
from adapters.recipe import EFFORT
from nets.checkpoints import Checkpoint
from service import domain
from service.domain import AdaptSpec, DataReference, Outcome
from service.worker.context import Context, StoredWindows
from service.worker.pipelines.beside import found_beside
from service.worker.pipelines.home import Home
from service.worker.pipelines.papers import Task, origin_of, papers
from service.worker.pipelines.plans import Plans, plans_of, promising
from service.worker.pipelines.stages import Stages
from service.worker.pipelines.version import adapted
from slipway.errors import Reason, Refused
from slipway.windows import answered, check_values

STEPS_SHOWN = 20  # epochs after which a bar of unknown length is full


@dataclass(frozen=True)
class Case:
    """A device before anything was tried.

    Args:
        spec: of the job, with the device as its only target.
        task: base, windows and source.
        plans: what competes.
        options: of every candidate.
        rules: of the gate.
    """

    spec: AdaptSpec
    task: Task
    plans: Plans
    options: Options
    rules: Rules


def opened(spec: AdaptSpec, home: Home, target: StoredWindows) -> Case:
    """What a device sent, checked, and what competes for it.

    Raises:
        Refused: no window, windows that are not finite, an option out of its bounds, or as ``plans_of``.
    """
    task, options, rules = _task(spec, home, target), options_of(spec), Rules()
    plans = plans_of(spec, home.base, task.labels, has_source=task.source is not None)
    return Case(spec, task, promising(plans, spec, task, rules), options, rules)


def decided(
    case: Case, context: Context, stages: Stages, made: Mapping[str, Adapted] | None = None, *, of_fleet: bool = False
) -> Outcome:
    """Let what competes for a device stand before the gate.

    Args:
        case: the device.
        context: of the job, its folder the device's own.
        stages: of the device.
        made: candidates that were run already.
        of_fleet: one of many; where it keeps the base, nobody would find its report, and none is drawn.

    Raises:
        Refused: as ``adapters.choice.choose``.
        Cancelled: the job was asked to stop.
    """
    spec, task, plans = case.spec, case.task, case.plans
    with stages.stage("adapting"):
        chosen = choose(
            task.base,
            plans.asked,
            statistics=plans.statistics,
            **_windows(task),
            home_confidence=task.confidence,
            options=case.options,
            rules=case.rules,
            effort=EFFORT if plans.explanation else None,
            made=made,
            seed=spec.seed,
            progress=stages.epochs("adapting", STEPS_SHOWN),
            should_stop=context.should_stop,
            checkpoint=Checkpoint(context.folder / "choosing", every_seconds=5.0),
        )
    name = chosen.decision.chosen if chosen.decision.promoted else BASE
    end = chosen.candidates.get(name)
    if not spec.enforce_gate:
        name = next(iter(plans.asked)) if plans.single else _best(chosen, plans.asked)
        with stages.stage("refitting"):
            end = _with_all_labels(case, context, stages, name, chosen.candidates[name])
    model = task.base if end is None else end.model
    with stages.stage("measuring"):
        told = found_beside(spec, context, task, plans, chosen, case.options, name, model)
    with stages.stage("reporting"):
        files = papers(
            task,
            chosen,
            origin_of(spec, context, task.target, task.source_data),
            told,
            options=case.options,
            rules=case.rules,
            seeds=plans.seeds(spec.seed),
            shipped=name,
            model=model,
            seconds=sum(stages.seconds.values()),
            drawn=end is not None or not of_fleet,
        )
    rest: dict[str, Any] = {
        "decision": decision_of(chosen.decision, case.rules),
        "stage_seconds": stages.seconds,
        "explanation": plans.explanation,
    }
    if end is None:
        return Outcome(artifacts=files, **rest)
    data = DataReference(task.target.name, task.target.sha256, len(task.values))
    return adapted(spec, context, task.base, model, name=name, data=data, files=files, factors=end.factors, **rest)


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


def _task(spec: AdaptSpec, home: Home, target: StoredWindows) -> Task:
    if not len(target.values):
        raise Refused(Reason.DATASET_EMPTY, field="adapt.target", name=target.name)
    values = check_values(np.asarray(target.values), home.base.task.sensor, "adapt.target")
    labels = np.asarray(target.labels)
    has_source = not spec.source_free and len(home.sample.values) > 0  # a graph from elsewhere brings no window
    return Task(
        base=home.base,
        target=target,
        values=values,
        labels=labels if answered(labels).any() else None,
        source=home.sample if has_source else None,
        source_data=home.data if has_source else None,
        confidence=home.sample.confidence,
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


def _with_all_labels(case: Case, context: Context, stages: Stages, name: str, candidate: Adapted) -> Adapted:
    """The candidate, once more where the gate had kept labels from it."""
    task, plan = case.task, case.plans.asked[name]
    labelled = 0 if task.labels is None else int(answered(task.labels).sum())
    if candidate.report.windows.get("labelled", labelled) == labelled:
        return candidate
    return run_plan(
        task.base,
        scope=plan.scope,
        objective=plan.objective,
        **_windows(task),
        options=case.options,
        seed=case.spec.seed + plan.repeat,
        progress=stages.epochs("refitting", STEPS_SHOWN),
        should_stop=context.should_stop,
        checkpoint=Checkpoint(context.folder / "refitting", every_seconds=5.0),
    )


def _evidence(row: Row) -> domain.Evidence:
    told = {} if row.labelled_accuracy is None else {"labels": row.labelled_accuracy}
    return domain.Evidence(row.name, {**row.scores, **told}, row.rank or 0.0, row.veto)
