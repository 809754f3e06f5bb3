"""Several adaptations of one base at once: closed forms as one pass, gradients as lanes of one program.

What ``engine.adapt`` does for one, step by step, for many: those whose programs agree in shape share them, the others
run one by one. Each outcome is what it would be alone, to rounding, and a job that is refused harms no other.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.descent import Descent
from adapters.engine import Adapted, Report, at_target, check_kind, expected_marginal, groups_of
from adapters.fleet.moments import solve_fleet
from adapters.objective import Need, Objective, Pools
from adapters.objectives.moments import MOMENTS
from adapters.options import Options
from adapters.scopes import Scope
from nets.lane import NO_SIZES, Lane, Sizes
from nets.lanes import train_lanes
from nets.model import Model, changed_arrays
from nets.training import Trained
from nets.windows import Windows, bucket
from slipway.errors import Refused

Stop = Callable[[], bool] | None


@dataclass(frozen=True, eq=False)
class Job:
    """One adaptation of checked windows.

    Args:
        prepared: the base with the layer that the scope needs; jobs that share a program hold the same object.
        scope: which arrays may change.
        objective: what pulls them.
        options: step sizes and the like.
        seed: of order, split and initial numbers.
        target: what the device measured.
        source: what the base learned from, if it is given.
    """

    prepared: Model
    scope: Scope
    objective: Objective
    options: Options
    seed: int
    target: Windows
    source: Windows | None


@dataclass(frozen=True)
class Padding:
    """What programs were compiled for, so that the next jobs of a stream find them compiled.

    Args:
        rows: windows of a pool.
        width: how many jobs at once.
        sizes: of the lanes of each form.
    """

    rows: int = 0
    width: int = 0
    sizes: Mapping[Hashable, Sizes] = field(default_factory=dict)

    def holding(self, pools: Sequence[Windows], width: int) -> "Padding":
        """The least padding that holds this one, ``pools``, and ``width`` jobs at once."""
        rows = max(self.rows, *(bucket(len(pool.values)) for pool in pools)) if pools else self.rows
        return replace(self, rows=rows, width=max(self.width, width))


def adapt_together(
    base: Model, jobs: Sequence[Job], padding: Padding | None = None, should_stop: Stop = None
) -> tuple[list[Adapted | Refused], Padding]:
    """The outcomes of ``jobs`` in order, and the padding under which such jobs compile nothing again.

    A report's seconds are an equal share of what all took together.

    Raises:
        Cancelled: ``should_stop`` said so.
    """
    started = time.perf_counter()
    padding = padding or Padding()
    models = _solved(jobs, padding)
    descents: dict[int, Descent] = {}
    for index, job in enumerate(jobs):
        found = _tried(lambda job=job: _descent(base, job))  # type: ignore[misc]
        if isinstance(found, Refused):
            models[index] = found
        elif found is not None and not isinstance(models[index], Refused):
            descents[index] = found
    trained, padding = _descended(descents, models, padding, should_stop)
    for index, end in trained.items():
        models[index] = end if isinstance(end, Refused) else _ended(jobs[index], descents[index], end)
    seconds = (time.perf_counter() - started) / max(len(jobs), 1)
    return [_outcome(job, models[index], trained.get(index), seconds) for index, job in enumerate(jobs)], padding


def _tried(call: Callable[[], Any]) -> Any:
    """What ``call`` returns, or its refusal as a value."""
    try:
        return call()
    except Refused as refused:
        return refused


def _solved(jobs: Sequence[Job], padding: Padding) -> dict[int, Model | Refused]:
    """What the closed forms make of each job's base; moments alone as one pass for all pools."""
    models: dict[int, Model | Refused] = {}
    moments = [index for index, job in enumerate(jobs) if job.objective.closed == (MOMENTS,)]
    for members in _alike(
        moments, lambda index: (id(jobs[index].prepared), jobs[index].scope.names(jobs[index].prepared))
    ):
        models |= _tried_moments({index: jobs[index] for index in members}, padding)
    for index, job in enumerate(jobs):
        if index not in models:
            models[index] = _tried(lambda job=job: _solved_alone(job))  # type: ignore[misc]
    return models


def _solved_alone(job: Job) -> Model:
    if not job.objective.closed:
        return job.prepared
    pools = Pools(job.target, job.source)
    return replace(job.prepared, arrays=job.objective.solve(job.prepared, job.scope.names(job.prepared), pools))


def _tried_moments(jobs: Mapping[int, Job], padding: Padding) -> dict[int, Model | Refused]:
    first = next(iter(jobs.values()))
    pools = {id(job.target.values): job.target.values for job in jobs.values()}  # candidates may share a pool
    names = first.scope.names(first.prepared)
    width = padding.width if len(pools) > 1 else 0
    found = _tried(lambda: solve_fleet(first.prepared, names, [*pools.values()], rows=padding.rows, width=width))
    if isinstance(found, Refused):
        return dict.fromkeys(jobs, found)
    by_pool = dict(zip(pools, found, strict=True))
    return {i: replace(job.prepared, arrays=by_pool[id(job.target.values)]) for i, job in jobs.items()}


def _descent(base: Model, job: Job) -> Descent | None:
    """What follows a gradient.

    Raises:
        Refused: data the objective needs and was not given, or an objective for another kind of task.
    """
    groups = groups_of(job.objective, job.target, job.source)
    check_kind(base, job.objective)
    if not job.objective.descended:
        return None
    expected = expected_marginal(base, job.target, job.source, job.options)
    return Descent(job.prepared, job.scope, job.objective, groups, expected, job.options, job.seed)


def _descended(
    descents: Mapping[int, Descent], models: Mapping[int, Model | Refused], padding: Padding, should_stop: Stop
) -> tuple[dict[int, Trained | Refused], Padding]:
    """``Descent.run`` of all: hold some labels out to find when to stop, then learn all labels for so long."""
    first: dict[int, Lane | Refused] = {i: _tried(lambda i=i: _lane(descents[i], models[i], None)) for i in descents}  # type: ignore[misc]
    found, padding = _run(first, padding, should_stop)
    again = {
        index: _lane(descents[index], models[index], end.best_epoch)
        for index, end in found.items()
        if isinstance(lane := first[index], Lane) and lane.validation and isinstance(end, Trained) and end.best_epoch
    }
    refit, padding = _run(again, padding, should_stop)
    for index, end in refit.items():
        chosen = found[index]
        if isinstance(end, Trained) and isinstance(chosen, Trained):
            end = replace(end, best_epoch=chosen.best_epoch, curve=chosen.curve)
        found[index] = end
    return found, padding


def _lane(descent: Descent, model: Model | Refused, epochs: int | None) -> Lane:
    """A lane that holds labels out, or one that learns them all for ``epochs`` passes."""
    assert isinstance(model, Model)
    groups, validation = descent.hold_out() if epochs is None else (descent.groups, None)
    return Lane(**descent.arguments(model, groups, validation, epochs))


def _run(
    lanes: Mapping[int, Lane | Refused], padding: Padding, should_stop: Stop
) -> tuple[dict[int, Trained | Refused], Padding]:
    """Every lane with those of its form."""
    found: dict[int, Trained | Refused] = {index: lane for index, lane in lanes.items() if isinstance(lane, Refused)}
    sound = {index: lane for index, lane in lanes.items() if isinstance(lane, Lane)}
    sizes = dict(padding.sizes)
    for members in _alike(sound, lambda index: sound[index].form):
        chosen = [sound[index] for index in members]
        form = chosen[0].form
        least = sizes.get(form, NO_SIZES._replace(width=padding.width, rows=_rows(chosen[0], padding)))
        sizes[form] = least.covering(chosen)
        found |= dict(zip(members, train_lanes(chosen, sizes=sizes[form], should_stop=should_stop), strict=True))
    return found, replace(padding, sizes=sizes)


def _rows(lane: Lane, padding: Padding) -> dict[str, int]:
    return {name: padding.rows for name in lane.groups if name != "source"}


def _alike(indices: Iterable[int], form: Callable[[int], Hashable]) -> list[list[int]]:
    """``indices`` of equal ``form`` together."""
    groups: dict[Hashable, list[int]] = {}
    for index in indices:
        groups.setdefault(form(index), []).append(index)
    return list(groups.values())


def _ended(job: Job, descent: Descent, trained: Trained) -> Model:
    model = replace(job.prepared, arrays=trained.arrays)
    return at_target(model, job.target) if descent.counts and Need.TARGET_WINDOWS in job.objective.needs else model


def _outcome(job: Job, model: Model | Refused, trained: Trained | Refused | None, seconds: float) -> Adapted | Refused:
    if isinstance(model, Refused):
        return model
    changed = changed_arrays(job.prepared, model)
    descended = trained if isinstance(trained, Trained) else None
    report = Report(
        scope=job.scope.text,
        objective=job.objective.text,
        windows={name: len(part.values) for name, part in groups_of(job.objective, job.target, job.source).items()},
        changed=tuple(sorted(changed)),
        size_bytes=sum(array.nbytes for array in changed.values()),
        best_epoch=None if descended is None else descended.best_epoch,
        curve=() if descended is None else descended.curve,
        seconds=seconds,
    )
    return Adapted(model, report, {} if descended is None else descended.own)
