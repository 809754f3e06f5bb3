"""Be sure of each window.

Alone it may give every window the same answer: hold it with few numbers in scope, few steps, or a marginal
(``information_maximisation``).

Reference: Wang et al. 2021, Tent, https://arxiv.org/abs/2006.10726, section 3.1; Grandvalet & Bengio 2004,
Semi-supervised learning by entropy minimization.
"""

from jax import Array

from adapters import answers
from adapters.objective import Need, Signals, Term


def loss(signals: Signals) -> Array:
    """H(ŷ) = -Σ p log p, the mean over the target's windows."""
    assert signals.target is not None
    return answers.entropy(signals.target.logits).mean()


ENTROPY = Term("entropy", frozenset({Need.TARGET_WINDOWS}), loss)
