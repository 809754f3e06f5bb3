"""The one engine: a base, a scope and an objective make an adapted model."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from flax import nnx

from adapters import catalog, marginal
from adapters.descent import Descent
from adapters.objective import CLASSES, OUTPUTS, Need, Objective, Pools
from adapters.objectives.moments import MOMENTS
from adapters.options import Options, shares
from adapters.scopes import Scope
from nets.checkpoints import Checkpoint
from nets.inference import logits
from nets.model import Model, changed_arrays
from nets.network import names_of
from nets.training import Epoch, Progress
from nets.windows import Windows
from slipway.errors import Reason, Refused
from slipway.windows import Answers, Values, answered, check_labels, check_targets, check_values, unanswered


@dataclass(frozen=True)
class Report:
    """What an adaptation did.

    Args:
        scope: as written.
        objective: as written.
        windows: how many of each kind it learned from.
        changed: names of the arrays that differ from the base.
        size_bytes: of those arrays, in float32.
        best_epoch: 0 when no step made the held-out labels more likely; None for closed forms.
        curve: one row an epoch of the run that chose when to stop.
        seconds: from start to end, compilation included.
    """

    scope: str
    objective: str
    windows: Mapping[str, int]
    changed: tuple[str, ...]
    size_bytes: int
    best_epoch: int | None
    curve: tuple[Epoch, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"windows": dict(self.windows), "curve": [asdict(row) for row in self.curve]}


@dataclass(frozen=True)
class Adapted:
    """What an adaptation made.

    Args:
        model: the base, changed.
        report: how.
        factors: the fewer numbers that were learned in place of some arrays, where the scope has such.
    """

    model: Model
    report: Report
    factors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)


def adapt(
    base: Model,
    *,
    scope: Scope | str,
    objective: Objective | str,
    target_values: Values,
    target_labels: Answers | None = None,
    source_values: Values | None = None,
    source_labels: Answers | None = None,
    options: Options | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Adapted:
    """Change the arrays in ``scope``, and only those, as ``objective`` pulls.

    Always starts from the base, never from an earlier adapter.

    Args:
        base: the model to fit to the target.
        scope: which arrays may change, as a value or as text (``"top(2)"``).
        objective: what pulls them, as a value or as text (``"coral*0.5 + cross_entropy"``).
        target_values: (count, time, channels), what the device measured.
        target_labels: (count,), -1 where nobody said; (count, outputs) of a regression, NaN where nobody said.
        source_values: (count, time, channels), what the base learned from.
        source_labels: likewise.
        options: step sizes and the like.
        seed: of order and split.
        progress: called after every epoch.
        should_stop: asked after every epoch.
        checkpoint: where to save, and to resume from.

    Raises:
        Refused: windows that do not fit, data the objective needs and was not given, an objective with nothing to
            pull in the scope or for another kind of task, or numbers that stopped being finite.
        Cancelled: ``should_stop`` said so.
    """
    started = time.perf_counter()
    scope = catalog.scope(scope) if isinstance(scope, str) else scope
    objective = catalog.objective(objective) if isinstance(objective, str) else objective
    options = options or Options()
    target = checked(base, target_values, target_labels, "target")
    source = None if source_values is None else checked(base, source_values, source_labels, "source")
    groups = groups_of(objective, target, source)
    check_kind(base, objective)
    prepared = scope.prepared(base)
    model, trained = prepared, None
    if objective.closed:
        model = replace(prepared, arrays=objective.solve(prepared, scope.names(prepared), Pools(target, source)))
    if objective.descended:
        expected = expected_marginal(base, target, source, options)
        descent = Descent(prepared, scope, objective, groups, expected, options, seed)
        trained = descent.run(model, progress=progress, should_stop=should_stop, checkpoint=checkpoint)
        model = replace(prepared, arrays=trained.arrays)
        if descent.counts and Need.TARGET_WINDOWS in objective.needs:
            model = at_target(model, target)
    changed = changed_arrays(prepared, model)
    report = Report(
        scope=scope.text,
        objective=objective.text,
        windows={name: len(windows.values) for name, windows in groups.items()},
        changed=tuple(sorted(changed)),
        size_bytes=sum(array.nbytes for array in changed.values()),
        best_epoch=None if trained is None else trained.best_epoch,
        curve=() if trained is None else trained.curve,
        seconds=time.perf_counter() - started,
    )
    return Adapted(model, report, {} if trained is None else trained.own)


def check_kind(base: Model, objective: Objective) -> None:
    """Refuse an objective for another kind of task.

    Raises:
        Refused: FIELD_INVALID.
    """
    kind = OUTPUTS if base.task.outputs else CLASSES
    for term in objective.terms:
        if kind not in term.kinds:
            raise Refused(
                Reason.FIELD_INVALID,
                field="objective",
                problem=f"serves tasks that ask for {' or '.join(sorted(term.kinds))}, this one asks for {kind}",
                found=term.name,
                remedy="Use an objective for this kind of task.",
            )


def at_target(model: Model, target: Windows) -> Model:
    """The running statistics counted source and target windows alike: those of the target alone serve the device."""
    names = names_of(model.layers, model.arrays, nnx.BatchStat)
    return replace(model, arrays=MOMENTS.solve(model, names, Pools(target, None))) if names and MOMENTS.solve else model


def checked(base: Model, values: Values, labels: Answers | None, field: str) -> Windows:
    """``values`` and ``labels`` as windows of the base's sensor.

    Raises:
        Refused: what does not fit, by name.
    """
    values = check_values(values, base.task.sensor, f"{field}_values")
    if not len(values):
        raise Refused(Reason.FIELD_REQUIRED, field=f"{field}_values")
    if labels is not None:
        count = len(base.task.outputs)
        labels = (
            check_targets(labels, count, f"{field}_labels")
            if count
            else check_labels(labels, len(base.task.classes), f"{field}_labels")
        )
        if len(labels) != len(values):
            raise Refused(
                Reason.FIELD_INVALID,
                field=f"{field}_labels",
                problem=f"needs one label for each of {len(values)} windows",
                found=labels.shape,
                remedy="Use -1 for a window without a label.",
            )
    return Windows(values, unanswered(len(values), len(base.task.outputs)) if labels is None else labels)


def groups_of(objective: Objective, target: Windows, source: Windows | None) -> dict[str, Windows]:
    """The windows that ``objective`` learns from, by domain."""
    groups: dict[str, Windows] = {}
    if Need.LABELS in objective.needs:
        said = answered(target.labels)
        if said.any():
            groups["labelled"] = Windows(target.values[said], target.labels[said])
        if source is not None and answered(source.labels).any():
            groups["source"] = _answered(source)
        if "labelled" not in groups and Need.TARGET_WINDOWS not in objective.needs:
            raise Refused(Reason.LABELS_MISSING, field="target_labels", found=0, name="the target", expected="1")
    if Need.TARGET_WINDOWS in objective.needs:
        groups["target"] = target
    if Need.SOURCE_WINDOWS in objective.needs:
        if source is None:
            raise Refused(Reason.SOURCE_MISSING, field="source_values", name=objective.text)
        groups["source"] = source
    if objective.descended and not groups:
        raise Refused(
            Reason.FIELD_INVALID,
            field="objective",
            problem="looks at no window, so nothing can be learned from it alone",
            found=objective.text,
            remedy="Add a term that looks at windows, such as information_maximisation.",
        )
    return groups


def expected_marginal(base: Model, target: Windows, source: Windows | None, options: Options) -> marginal.Shares:
    """Class shares expected in the target; ones for a regression."""
    if base.task.outputs:
        return np.ones(1)
    count = len(base.task.classes)
    if options.marginal == "even":
        return np.full(count, 1 / count)
    if not isinstance(options.marginal, str):
        return shares(options.marginal, count, "options.marginal")
    home = None
    if source is not None and answered(source.labels).any():
        said = _answered(source)
        home = marginal.Home(logits(base, said.values), said.labels)
    return marginal.estimated(logits(base, target.values), source_marginal(source, options, count), home).shares


def source_marginal(source: Windows | None, options: Options, class_count: int) -> marginal.Shares:
    """Class shares the base was trained with: as told, else as labelled in the source, else even."""
    if options.source_marginal is not None:
        return shares(options.source_marginal, class_count, "options.source_marginal")
    return marginal.counted(np.zeros(0, np.int32) if source is None else source.labels, class_count)


def _answered(windows: Windows) -> Windows:
    said = answered(windows.labels)
    return Windows(windows.values[said], windows.labels[said])
