"""Let the pool's windows decide whether they are known: the sure become surer, the doubtful more doubtful.

A pool may hold windows of no class. A term that makes every answer sure gives them a class; this one draws a line in
the middle and drives answers away from it, so that ``adapters.open_set`` can tell the two apart.

Reference: Saito et al. 2020, DANCE, https://arxiv.org/abs/2002.07953, the entropy separation loss.
"""

import jax.numpy as jnp
from jax import Array

from adapters import answers
from adapters.objective import Need, Signals, Term

MARGIN = 0.3  # m, as a share of ρ: answers nearer to the line than that are left alone


def loss(signals: Signals) -> Array:
    """-|H(p) - ρ| where that is over the margin, the mean over the target's windows; ρ is half the largest entropy."""
    assert signals.target is not None
    line = 0.5 * jnp.log(jnp.float32(signals.target.logits.shape[-1]))
    distance = jnp.abs(answers.entropy(signals.target.logits) - line)
    return -jnp.where(distance > MARGIN * line, distance, 0).mean()


OPEN_SET = Term("open_set", frozenset({Need.TARGET_WINDOWS}), loss)
