"""Sets of classes for a receipt: calibrated where the assumption is weakest, and measured where labels are left."""

import numpy as np

from adapters import conformal, marginal
from adapters.receipt.receipt import Sets
from nets.inference import probabilities
from nets.model import Model
from nets.windows import Windows, stratified_split
from slipway.windows import UNLABELLED

LEAST = 50  # labelled windows of the target from which it is calibrated on them
OF_TARGET = "It holds while the device's windows stay exchangeable with those it was calibrated on."
OF_SOURCE = (
    "It was calibrated on windows of the source, some of which the base learned from, and holds only if this device, "
    "once adapted to, differs from them in how often the classes occur and in nothing else."
)


def cover(
    base: Model, model: Model, target: Windows, source: Windows | None, *, share: float, seed: int
) -> Sets | None:
    """Thresholds for sets that hold the right class in ``share`` of the windows.

    Labels of the target, of which one half calibrates and the other measures; else the source's, weighted for the class
    shares that are estimated in the pool, measured on whatever labels there are.

    Args:
        base: answers the source's windows.
        model: answers the device's.
        target: (count,) windows; labels only where ``model`` did not learn from them, -1 elsewhere.
        source: labelled windows; None where they may not be looked at.
        share: asked for, over 0 to under 1.
        seed: of the split.

    Returns:
        None for a regression, and where there are neither labels of the target nor a source.
    """
    if base.task.outputs:
        return None
    answers, said = probabilities(model, target.values), np.flatnonzero(target.labels != UNLABELLED)
    if len(said) >= LEAST:
        kept, used = (said[rows] for rows in stratified_split(target.labels[said], 0.5, seed))
        found = conformal.calibrate(answers[used], target.labels[used], coverage=share)
        where, words, count = "target", OF_TARGET, len(used)
    elif source is not None and (source.labels != UNLABELLED).any():
        home = marginal.counted(source.labels, len(base.task.classes))
        shares = home, marginal.estimate(probabilities(base, target.values), home)
        at_home = probabilities(base, source.values)
        found = conformal.calibrate(at_home, source.labels, coverage=share, shares=shares)
        kept, where, words, count = said, "source", OF_SOURCE, int((source.labels != UNLABELLED).sum())
    else:
        return None
    named = conformal.sets(found, answers)
    real = conformal.realised(named[kept], target.labels[kept])
    return Sets(
        coverage=share,
        score=found.score,
        thresholds=tuple(float(threshold) if np.isfinite(threshold) else None for threshold in found.thresholds),
        calibration_count=count,
        calibrated_on=where,
        mean_size=float(named.sum(1).mean()),
        realised_coverage=real.coverage if real.count else None,
        realised_low=real.low if real.count else None,
        realised_high=real.high if real.count else None,
        realised_count=real.count,
        assumption=words,
    )
