"""Be sure of each window, and right about all of them together.

With an even marginal this is SHOT-IM. Sensor data are rarely even: spreading predictions over classes that are not
there does harm, so the expected marginal is a given of the adaptation (estimated from the base by default).

Reference: Liang et al. 2020, SHOT, https://arxiv.org/abs/2002.08546, equation 3.
"""

import jax
from jax import Array

from adapters import answers
from adapters.objective import Need, Signals, Term


def loss(signals: Signals) -> Array:
    """H(p) averaged, plus KL(mean p ‖ marginal)."""
    assert signals.target is not None
    logits = signals.target.logits
    return answers.entropy(logits).mean() + answers.departure(jax.nn.softmax(logits), signals.marginal)


INFORMATION_MAXIMISATION = Term("information_maximisation", frozenset({Need.TARGET_WINDOWS}), loss)
