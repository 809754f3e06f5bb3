"""What a labelled batch says about logits."""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array


def cross_entropy(
    logits: Array, labels: Array, *, label_smoothing: float | Array = 0.0, class_weights: Array | None = None
) -> Array:
    """Mean negative log-likelihood over the labelled windows of a batch; 0 when none is labelled.

    Args:
        logits: (batch, classes).
        labels: (batch,), a class index or -1 where nobody said.
        label_smoothing: share of each label spread evenly over the classes (Szegedy et al. 2016).
        class_weights: (classes,), how much one window of each class counts.
    """
    classes = logits.shape[-1]
    wanted = jax.nn.one_hot(labels, classes, dtype=logits.dtype) * (1 - label_smoothing) + label_smoothing / classes
    losses = -(wanted * jax.nn.log_softmax(logits)).sum(-1)
    weights = (labels >= 0).astype(logits.dtype)
    if class_weights is not None:
        weights = weights * class_weights[jnp.maximum(labels, 0)]
    return (losses * weights).sum() / jnp.maximum(weights.sum(), 1e-9)


def squared_error(outputs: Array, targets: Array) -> Array:
    """Mean squared error over batch and outputs.

    Args:
        outputs: (batch, outputs).
        targets: (batch, outputs), in the same units.
    """
    return jnp.square(outputs - targets).mean()


def balancing_weights(labels: npt.NDArray[np.int32], class_count: int) -> npt.NDArray[np.float32]:
    """Class weights that make every present class count the same in sum; mean 1 over the windows."""
    counts = np.bincount(labels, minlength=class_count)
    present = (counts > 0).sum()
    return np.where(counts > 0, len(labels) / (present * np.maximum(counts, 1)), 1.0).astype(np.float32)
