"""Learn from labels: those of the target, those of the source, or both."""

from jax import Array

from adapters.objective import Need, Objective, Signals
from nets import losses


def cross_entropy() -> Objective:
    """Mean negative log-likelihood of the target's labels plus that of the source's, whichever are there.

    On ``head`` it is the classic extraction of deep features; on ``full``, fine-tuning (Yosinski et al. 2014,
    https://arxiv.org/abs/1411.1792).
    """
    return Objective("cross_entropy", frozenset({Need.LABELS}), loss)


def loss(signals: Signals) -> Array:
    """The sum over the labelled domains; a target label counts for as many windows of its class as it stands for."""
    known, source, smoothing = signals.labelled, signals.source, signals.label_smoothing
    terms = []
    if known is not None:
        weights = signals.label_weights
        terms.append(losses.cross_entropy(known.logits, known.labels, label_smoothing=smoothing, class_weights=weights))
    if source is not None:
        terms.append(losses.cross_entropy(source.logits, source.labels, label_smoothing=smoothing))
    return sum(terms[1:], terms[0])
