"""How well answers match labels."""

import numpy as np
import numpy.typing as npt

from slipway.windows import Labels

Counts = npt.NDArray[np.int64]


def confusion(answers: npt.NDArray[np.int64], labels: Labels, class_count: int) -> Counts:
    """Counts (classes, classes), true class by answered class.

    Args:
        answers: (count,) class indices.
        labels: (count,) class indices.
        class_count: classes of the task.
    """
    counts = np.zeros((class_count, class_count), np.int64)
    np.add.at(counts, (labels, answers), 1)
    return counts


def accuracy(counts: Counts) -> float:
    """Share of right answers in a confusion matrix."""
    return float(np.trace(counts) / counts.sum())


def macro_f1(counts: Counts) -> float:
    """Mean F1 over the classes that occur in labels or answers of a confusion matrix."""
    right = np.diag(counts)
    either = counts.sum(0) + counts.sum(1)
    return float((2 * right[either > 0] / either[either > 0]).mean())
