"""What a base is worth to a device that has labels: two learning curves, with the base and without."""

from collections.abc import Callable

import numpy as np

from adapters.engine import adapt
from adapters.options import Options
from adapters.receipt.gains import Gains, gains
from nets.inference import logits
from nets.model import Model
from nets.pretraining import pretrain
from nets.recipe import recipe_for
from nets.windows import Windows, stratified_split
from slipway.windows import UNLABELLED, Labels, Values

SHOTS = (1, 5, 20, 50)  # labels a class at which the curves are measured, as far as there are so many
KEPT_SHARE = 0.5  # of the labels, to measure on
LEAST_KEPT = 30  # windows to measure on: fewer tell no difference apart


def worth(
    base: Model,
    values: Values,
    labels: Labels,
    *,
    options: Options | None = None,
    seed: int = 0,
    should_stop: Callable[[], bool] | None = None,
) -> Gains | None:
    """Learn from ever more of the device's labels, once from the base and once from nothing.

    With the base, every number may move (``full × cross_entropy``); alone, the house's recipe for so many windows. Both
    are measured on the same half of the labels, from which neither learns.

    Args:
        base: of a task of classes.
        values: (count, time, channels).
        labels: (count,), -1 where nobody said.
        options: of the runs that start from the base.
        seed: of split, order and noise.
        should_stop: asked after every epoch.

    Returns:
        Gains by labels a class; None with labels of one class, fewer than two points of a curve, or too few windows to
        measure on.

    Raises:
        Cancelled: ``should_stop`` said so.

    Reference: Torrey & Shavlik 2010, Transfer Learning, https://doi.org/10.4018/978-1-60566-766-9.ch011.
    """
    said = np.flatnonzero(labels != UNLABELLED)
    if len(np.unique(labels[said])) < 2:
        return None
    learn, kept = (said[rows] for rows in stratified_split(labels[said], KEPT_SHARE, seed))
    least = int(np.unique(labels[learn], return_counts=True)[1].min())
    counts = [count for count in SHOTS if count <= least]
    if len(counts) < 2 or len(kept) < LEAST_KEPT:
        return None
    test = Windows(values[kept], labels[kept])
    transferred, alone = {}, {}
    for count in counts:
        few = _few(Windows(values[learn], labels[learn]), count, seed)
        moved = adapt(
            base,
            scope="full",
            objective="cross_entropy",
            target_values=few.values,
            target_labels=few.labels,
            options=options,
            seed=seed,
            should_stop=should_stop,
        )
        fresh = pretrain(
            base.task,
            few.values,
            few.labels,
            recipe=recipe_for(base.task, len(few.labels)),
            seed=seed,
            should_stop=should_stop,
        )
        transferred[count], alone[count] = _accuracy(moved.model, test), _accuracy(fresh.model, test)
    return gains(_accuracy(base, test), transferred, alone)


def _few(windows: Windows, count: int, seed: int) -> Windows:
    """``count`` of each class, at random."""
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(windows.labels == label) for label in np.unique(windows.labels)]
    rows = np.sort(np.concatenate([random.choice(each, count, replace=False) for each in members]))
    return Windows(windows.values[rows], windows.labels[rows])


def _accuracy(model: Model, test: Windows) -> float:
    return float((logits(model, test.values).argmax(1) == test.labels).mean())
