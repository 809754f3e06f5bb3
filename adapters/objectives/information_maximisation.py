"""Be sure of each window, and right about all of them together."""

import jax
import jax.numpy as jnp
from jax import Array

from adapters.objective import Need, Objective, Signals


def information_maximisation() -> Objective:
    """Mean entropy of the predictions plus the divergence of their mean from the target's expected class marginal.

    With an even marginal this is SHOT-IM. Sensor data are rarely even: spreading predictions over classes that are not
    there does harm, so the expected marginal is a given of the adaptation (estimated from the base by default).

    Reference: Liang et al. 2020, SHOT, https://arxiv.org/abs/2002.08546, equation 3.
    """
    return Objective("information_maximisation", frozenset({Need.TARGET_WINDOWS}), loss)


def loss(signals: Signals) -> Array:
    """H(p) averaged, plus KL(mean p ‖ marginal)."""
    assert signals.target is not None
    log_p = jax.nn.log_softmax(signals.target.logits)
    p = jnp.exp(log_p)
    entropy = -(p * log_p).sum(-1).mean()
    mean = p.mean(0)
    return entropy + (mean * (jnp.log(mean + 1e-8) - jnp.log(signals.marginal + 1e-8))).sum()
