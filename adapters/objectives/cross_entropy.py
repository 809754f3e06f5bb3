"""Learn from labels: those of the target, those of the source, or both.

On ``head`` it is the classic extraction of deep features; on ``full``, fine-tuning (Yosinski et al. 2014,
https://arxiv.org/abs/1411.1792).
"""

from jax import Array

from adapters.objective import Need, Signals, Term
from nets import losses


def loss(signals: Signals) -> Array:
    """Mean negative log-likelihood, the sum over the labelled domains.

    A target label counts for as many windows of its class as it stands for.
    """
    known, source, smoothing = signals.labelled, signals.source, signals.label_smoothing
    terms = []
    if known is not None:
        weights = signals.label_weights
        terms.append(losses.cross_entropy(known.logits, known.labels, label_smoothing=smoothing, class_weights=weights))
    if source is not None:
        terms.append(losses.cross_entropy(source.logits, source.labels, label_smoothing=smoothing))
    return sum(terms[1:], terms[0])


CROSS_ENTROPY = Term("cross_entropy", frozenset({Need.LABELS}), loss)
