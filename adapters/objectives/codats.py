"""As ``dann`` for time series, and told how often each class occurs in the target.

The discriminator is the paper's: two wide normalised layers with dropout and a softmax over the domains. The weak
supervision asks that the mean of the answers in the target be the expected shares. A regression has no shares: there it
is the discriminator alone.

Reference: Wilson, Doppa & Cook 2020, Multi-source deep domain adaptation with weak supervision for time-series sensor
data, https://arxiv.org/abs/2005.10996: CoDATS with one source, and DA-WS.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from adapters.objective import CLASSES, OUTPUTS, Arrays, Need, Signals, Term
from adapters.objectives import discriminator
from adapters.objectives.feature_map import feature_count
from adapters.objectives.reversal import reversed_gradient, schedule
from nets.model import Model

HIDDEN = (500, 500)
DROPOUT = 0.3
SHARE_FLOOR = 1e-8


def loss(signals: Signals) -> Array:
    """Cross-entropy of the domain, reversed for the features, plus ``proportions`` for classes."""
    assert signals.source is not None and signals.target is not None
    both = jnp.concatenate([signals.source.features, signals.target.features])
    seen = reversed_gradient(both, schedule(signals.progress))
    scores = discriminator.answer(signals.own, "codats", seen, normalise=True, dropout=DROPOUT, key=signals.key)
    log_shares = jax.nn.log_softmax(scores)
    count = len(signals.source.features)
    domain = -(log_shares[:count, 0].mean() + log_shares[count:, 1].mean()) / 2
    return domain if signals.source.labels.ndim > 1 else domain + proportions(signals)


def proportions(signals: Signals) -> Array:
    """KL(expected shares ‖ mean of the target's answers)."""
    assert signals.target is not None
    mean = jax.nn.softmax(signals.target.logits).mean(0)
    expected = signals.marginal
    return (expected * (jnp.log(expected + SHARE_FLOOR) - jnp.log(mean + SHARE_FLOOR))).sum()


def initial(model: Model, random: np.random.Generator) -> Arrays:
    """The discriminator: features → 500 → 500 → 2 domains."""
    return discriminator.initial("codats", (feature_count(model), *HIDDEN, 2), random)


CODATS = Term(
    "codats",
    frozenset({Need.TARGET_WINDOWS, Need.SOURCE_WINDOWS}),
    loss,
    initial=initial,
    kinds=frozenset({CLASSES, OUTPUTS}),
)
