"""Features from which nobody can tell where a window was recorded.

A discriminator learns to tell source from target; through the reversed gradient the features learn to deceive it. A
source whose classes are shared out otherwise than the target's is told apart by that alone: then it does harm.

Reference: Ganin et al. 2016, Domain-adversarial training of neural networks, https://arxiv.org/abs/1505.07818.
"""

import numpy as np
from jax import Array

from adapters.objective import CLASSES, OUTPUTS, Arrays, Need, Signals, Term
from adapters.objectives import discriminator
from adapters.objectives.feature_map import feature_count
from adapters.objectives.reversal import reversed_gradient, schedule
from nets.model import Model


def loss(signals: Signals) -> Array:
    """What the discriminator gets wrong; it descends that, the features ascend it."""
    assert signals.source is not None and signals.target is not None
    factor = schedule(signals.progress)
    return discriminator.domain_loss(
        signals.own,
        "dann",
        reversed_gradient(signals.source.features, factor),
        reversed_gradient(signals.target.features, factor),
    )


def initial(model: Model, random: np.random.Generator) -> Arrays:
    """The discriminator: features → 64 → 64 → 1."""
    return discriminator.initial("dann", (feature_count(model), *discriminator.HIDDEN, 1), random)


DANN = Term(
    "dann",
    frozenset({Need.TARGET_WINDOWS, Need.SOURCE_WINDOWS}),
    loss,
    initial=initial,
    kinds=frozenset({CLASSES, OUTPUTS}),
)
