"""Labels of the target that serve twice: to learn from and to judge by, never the same window for one model.

Many labels are parted: some are the gate's. Of few, none can be spared, so every candidate that learns from them is
also made without a third of them, three times, and judged where it did not learn (cross-validation; Stone 1974,
https://doi.org/10.1111/j.2517-6161.1974.tb00994.x). What ships has learned them all.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nets.windows import Windows, stratified_split
from slipway.windows import Answers, answered, unanswered

SHARE = 0.3  # of many labels, kept from every candidate
FOLDS = 3
FEW = 60  # labels a class, or answers of a regression, under which none is spared

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """How the target's labels are used.

    Args:
        learned: (count,) or (count, outputs), those that candidates learn from, the others hidden.
        judged: windows with the gate's labels; None without any.
        folds: rows of ``judged``, one array a fold, that a candidate must be made without; none where ``learned`` holds
            none of them.
        rows: (judged,), places of ``judged`` among the target's windows.
    """

    learned: Answers
    judged: Windows | None
    folds: tuple[Rows, ...]
    rows: Rows

    def without(self, fold: Rows) -> Answers:
        """``learned`` with the labels of one fold hidden."""
        learned = self.learned.copy()
        learned[self.rows[fold]] = np.nan if learned.ndim == 2 else -1
        return learned


def hold_out(target: Windows, class_count: int, seed: int) -> HeldOut:
    """Part the labels of ``target``, or fold them where they are few."""
    said = np.flatnonzero(answered(target.labels))
    if not len(said):
        return HeldOut(target.labels, None, (), said)
    if len(said) < FEW * max(class_count, 1):
        judged = Windows(target.values[said], target.labels[said])
        return HeldOut(target.labels, judged, _folds(judged.labels, seed), said)
    rows = said[stratified_split(target.labels[said], SHARE, seed)[1]]
    learned = target.labels.copy()
    learned[rows] = unanswered(1, target.labels.shape[1] if target.labels.ndim == 2 else 0)[0]
    return HeldOut(learned, Windows(target.values[rows], target.labels[rows]), (), rows)


def _folds(labels: Answers, seed: int) -> tuple[Rows, ...]:
    """Every class spread over the folds; quantities in stretches, for neighbours in time are alike."""
    fold = np.arange(len(labels)) * FOLDS // len(labels)
    if labels.ndim == 1:
        random = np.random.default_rng(seed)
        order = np.argsort(labels + random.random(len(labels)), kind="stable")  # class by class, shuffled within
        fold = np.empty(len(labels), np.int64)
        fold[order] = np.arange(len(labels)) % FOLDS
    found = (np.flatnonzero(fold == number) for number in range(FOLDS))
    return tuple(rows for rows in found if 0 < len(rows) < len(labels))
