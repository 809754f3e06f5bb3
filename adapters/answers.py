"""How sure answers are, and how far two answers are apart: what the terms that learn without labels are made of."""

import jax
import jax.numpy as jnp
from jax import Array

SHARE_FLOOR = 1e-8  # of a class: keeps logarithms finite


def entropy(logits: Array) -> Array:
    """-Σ p log p of each window, (batch,), for logits (batch, classes)."""
    log_p = jax.nn.log_softmax(logits)
    return -(jnp.exp(log_p) * log_p).sum(-1)


def divergence(wanted: Array, logits: Array) -> Array:
    """KL(softmax(wanted) ‖ softmax(logits)) of each window, (batch,), for logits (batch, classes)."""
    log_wanted = jax.nn.log_softmax(wanted)
    return (jnp.exp(log_wanted) * (log_wanted - jax.nn.log_softmax(logits))).sum(-1)


def departure(probabilities: Array, marginal: Array) -> Array:
    """KL(mean p ‖ marginal): how far a batch's answers are, together, from the shares that are expected.

    Args:
        probabilities: (batch, classes).
        marginal: (classes,).
    """
    mean = probabilities.mean(0)
    return (mean * (jnp.log(mean + SHARE_FLOOR) - jnp.log(marginal + SHARE_FLOOR))).sum()


def is_regression(labels: Array) -> bool:
    """Whether ``labels`` are the targets (batch, outputs) of a regression, not classes (batch,)."""
    return labels.ndim == 2


def apart(wanted: Array, found: Array, labels: Array, output_scale: Array) -> Array:
    """How far the answers ``found`` are from ``wanted``, for each window, (batch,).

    The divergence of the two softmaxes; for a regression half the mean squared distance in units of ``output_scale``,
    which is that divergence for two normal distributions of that deviation.

    Args:
        wanted: (batch, classes) logits, or (batch, outputs).
        found: the same shape.
        labels: of the same domain, which say what kind of task it is.
        output_scale: (outputs,).
    """
    if is_regression(labels):
        return 0.5 * jnp.square((found - wanted) / output_scale).mean(-1)
    return divergence(wanted, found)
