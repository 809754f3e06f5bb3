"""Where rounding to int8 costs too much: even its channels out, then learn on with the rounding in the way.

What int8 costs is measured on windows that neither calibrated nor taught: points of accuracy where they carry labels,
else the share of decisions that differ from the float model's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from export import integer
from export import steps as s
from export.calibration import Calibration, calibrate, same_decisions, same_numbers
from export.folding import fold, split
from export.integer import WEIGHT_LIMIT, Grid, Int8Net
from export.steps import Steps
from nets.batch_norm_folding import without_batch_norm
from nets.equalization import equalized
from nets.model import Model
from nets.quantized_training import FakeGrid, Rounding, fine_tune
from slipway.errors import Reason, Refused
from slipway.windows import Answers, Values, answered, unanswered

LOSS_LIMIT = 0.005  # share of decisions, or of the variance of a regression's outputs, that int8 may cost untreated
CALIBRATED, EQUALIZED, LEARNED = "calibrated", "equalized", "learned"
APART = 4  # one window in so many is kept apart


@dataclass(frozen=True, eq=False)
class FineTuned:
    """The best of some int8 nets.

    Args:
        model: whose steps the net rounds, batch normalisation folded.
        calibration: of its steps, on all windows.
        costs: what int8 cost on the windows kept apart, by what had been done: ``CALIBRATED``; where that was over the
            limit, ``EQUALIZED``; where that was, too, ``LEARNED``.
        chosen: the one that cost least.
    """

    model: Model
    calibration: Calibration
    costs: Mapping[str, float]
    chosen: str


def fine_tuned(
    model: Model,
    values: Values,
    labels: Answers | None = None,
    *,
    loss_limit: float = LOSS_LIMIT,
    seed: int = 0,
    **options: Any,
) -> FineTuned:
    """Calibrate ``model``, and do more about it where int8 costs more than ``loss_limit``.

    Args:
        model: in float.
        values: windows (count, time, channels) of where it will serve; one in ``APART`` only judges.
        labels: their answers, -1 or NaN where nobody said; None where nobody said anything.
        loss_limit: what int8 may cost.
        seed: of the order in which windows are learned.
        options: ``recipe`` of ``nets.quantized_training.fine_tune``, and its hooks.

    Raises:
        Refused: FIELD_REQUIRED for fewer than ``APART`` windows, FIELD_INVALID for labels that do not fit,
            ACCUMULATOR_OVERFLOW, TRAINING_DIVERGED.
    """
    if len(values) < APART:
        raise Refused(Reason.FIELD_REQUIRED, field="calibration_values")
    said = unanswered(len(values), len(model.task.outputs)) if labels is None else np.asarray(labels)
    _check_count(values, said)
    base, decides = without_batch_norm(model), not model.task.outputs
    apart = np.arange(len(values)) % APART == APART - 1

    def tried(model: Model) -> tuple[float, Model, Int8Net]:
        net = calibrate(fold(model), values[~apart], decides=decides).net
        return cost(fold(base), net, values[apart], said[apart]), model, net

    found = {CALIBRATED: tried(base)}
    if found[CALIBRATED][0] > loss_limit:
        found[EQUALIZED] = tried(equalized(base, values[~apart]))
    if _least(found)[0] > loss_limit:
        _, best, net = _least(found)
        places = rounding(fold(best), net)
        found[LEARNED] = tried(fine_tune(best, places, values[~apart], labels=said[~apart], seed=seed, **options))
    chosen = min(found, key=lambda name: found[name][0])
    model = found[chosen][1]
    costs = {name: one[0] for name, one in found.items()}
    return FineTuned(model, calibrate(fold(model), values, decides=decides), costs, chosen)


def _least(found: Mapping[str, tuple[float, Model, Int8Net]]) -> tuple[float, Model, Int8Net]:
    return min(found.values(), key=lambda one: one[0])


def cost(steps: Steps, net: Int8Net, values: Values, labels: Answers) -> float:
    """What ``net`` loses against ``steps``: in accuracy or R² on the answered windows, else in agreement with them.

    Args:
        steps: the float model.
        net: an int8 net that should answer as it does.
        values: windows (count, time, channels) that taught neither.
        labels: (count,) or (count, outputs).
    """
    exact, found, known = s.run(steps, values), integer.logits(net, values), answered(labels)
    score = same_numbers if labels.ndim > 1 else same_decisions
    if not known.any():
        return 1 - score(found, exact)
    truth = labels[known] if labels.ndim > 1 else np.eye(exact.shape[1], dtype=np.float32)[labels[known]]
    return score(exact[known], truth) - score(found[known], truth)


def rounding(steps: Steps, net: Int8Net) -> Rounding:
    """Where ``net`` rounds, by the layers of the model that was folded to ``steps``."""
    back = split(steps)[1]
    outputs = tuple(
        (_index(layer.name), _fake(target))
        for layer in net.layers
        if (target := getattr(layer, "target", None)) is not None
    )
    first = _index(back[0].name) if back else 0
    return Rounding(first, _fake(net.entry.grid), net.entry.copies, outputs, WEIGHT_LIMIT)


def _index(name: str) -> int:
    return int(name.split(".")[0])


def _fake(grid: Grid) -> FakeGrid:
    return FakeGrid(float(grid.scale), grid.zero)


def _check_count(values: Values, labels: Answers) -> None:
    if len(values) != len(labels):
        raise Refused(
            Reason.FIELD_INVALID,
            field="calibration_labels",
            problem=f"needs one answer for each of {len(values)} windows",
            found=len(labels),
            remedy="Give -1, or NaN for a regression, for a window about which nobody said anything.",
        )
