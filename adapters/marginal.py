"""How often each class occurs in a pool that nobody labelled."""

import numpy as np
import numpy.typing as npt

Shares = npt.NDArray[np.float64]  # (classes,), sums to 1

ROUNDS = 100
FLOOR = 0.01  # of an even share: no class is called impossible


def estimate(probabilities: npt.NDArray[np.float32], source_marginal: Shares) -> Shares:
    """Class shares that are plausible in the pool: half way between two answers that fail in different ways.

    One is the source's own shares, right when only the sensor changed. The other makes the base's answers most likely,
    by expectation-maximisation: right when only the shares changed, far off when the base misreads the pool. The mean
    is never further than log 2, in divergence, from the better one.

    Args:
        probabilities: (count, classes), the base's answers.
        source_marginal: class shares the base was trained with.

    Reference: Saerens, Latinne & Decaestecker 2002, https://doi.org/10.1162/089976602753284446.
    """
    marginal = source_marginal
    for _ in range(ROUNDS):
        weighted = probabilities * (marginal / source_marginal)
        marginal = floored((weighted / weighted.sum(1, keepdims=True)).mean(0))
    return floored((marginal + source_marginal) / 2)


def floored(shares: npt.ArrayLike) -> Shares:
    """``shares`` with at least ``FLOOR`` of an even share for each class, summing to 1."""
    array = np.asarray(shares, np.float64)
    array = np.maximum(array / array.sum(), FLOOR / len(array))
    return np.asarray(array / array.sum())


def counted(labels: npt.NDArray[np.int32], class_count: int) -> Shares:
    """Shares of the classes among ``labels``; even when there is no label."""
    counts = np.bincount(labels[labels >= 0], minlength=class_count)
    return floored(counts if counts.sum() else np.ones(class_count))
