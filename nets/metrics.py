"""How well answers match labels."""

import numpy as np
import numpy.typing as npt

from slipway.windows import Labels, Targets

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


def balanced_accuracy(counts: Counts) -> float:
    """Mean over the classes that occur of the share of their windows answered right."""
    occurring = counts.sum(1) > 0
    return float((np.diag(counts)[occurring] / counts.sum(1)[occurring]).mean())


def determination(answers: npt.NDArray[np.float32], targets: Targets) -> npt.NDArray[np.float64]:
    """R², one minus the squared error over the targets' variance, for each output.

    Args:
        answers: (count, outputs).
        targets: (count, outputs).

    Returns:
        (outputs,); 1 is perfect, 0 as good as the mean, below 0 worse than the mean.
    """
    missed = np.square(np.float64(answers) - targets).sum(0)
    return np.asarray(1 - missed / np.maximum(np.square(targets - np.float64(targets.mean(0))).sum(0), 1e-12))


def macro_f1(counts: Counts) -> float:
    """Mean F1 over the classes that occur in labels or answers of a confusion matrix."""
    right = np.diag(counts)
    either = counts.sum(0) + counts.sum(1)
    return float((2 * right[either > 0] / either[either > 0]).mean())
