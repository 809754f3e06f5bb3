"""As ``dann``, class by class: the discriminator sees the features together with what the network answers.

It looks at f ⊗ p, features times class probabilities, so that the features of one class are compared with those of the
same class. Where that product is long, at random bilinear forms of f and p instead, whose inner products are those of
f ⊗ p on average. The probabilities only condition: no gradient flows into them.

Reference: Long et al. 2018, Conditional adversarial domain adaptation, https://arxiv.org/abs/1705.10667, equation 6
(both maps); the schedule is ``dann``'s.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from adapters.objective import Arrays, Domain, Need, Signals, Term
from adapters.objectives import discriminator
from adapters.objectives.feature_map import feature_count
from adapters.objectives.reversal import reversed_gradient, schedule
from nets.model import Model

WIDTH_LIMIT = 4096  # of f ⊗ p; over it random forms take its place, as in the paper
RANDOM_WIDTH = 1024


def loss(signals: Signals) -> Array:
    """What the discriminator of ``joint`` gets wrong; it descends that, the features ascend it."""
    assert signals.source is not None and signals.target is not None
    factor = schedule(signals.progress)
    source, target = (reversed_gradient(joint(signals, domain), factor) for domain in (signals.source, signals.target))
    return discriminator.domain_loss(signals.own, "cdan", source, target)


def joint(signals: Signals, domain: Domain) -> Array:
    """f ⊗ p (batch, features · classes), or (R f) ⊙ (S p) / √width (batch, ``RANDOM_WIDTH``)."""
    features, shares = domain.features, jax.lax.stop_gradient(jax.nn.softmax(domain.logits))
    if "cdan.random_features" not in signals.own:
        return (features[:, :, None] * shares[:, None, :]).reshape(len(features), -1)
    # Drawn once and never learned: without a gradient the optimizer leaves them where they are.
    of_features, of_shares = (
        jax.lax.stop_gradient(signals.own[f"cdan.random_{name}"]) for name in ("features", "classes")
    )
    return (features @ of_features) * (shares @ of_shares) / jnp.sqrt(jnp.float32(of_features.shape[1]))


def initial(model: Model, random: np.random.Generator) -> Arrays:
    """The discriminator, and the random forms where f ⊗ p is long."""
    features, classes = feature_count(model), model.task.answer_size
    if features * classes <= WIDTH_LIMIT:
        return discriminator.initial("cdan", (features * classes, *discriminator.HIDDEN, 1), random)
    return {
        "cdan.random_features": random.standard_normal((features, RANDOM_WIDTH)).astype(np.float32),
        "cdan.random_classes": random.standard_normal((classes, RANDOM_WIDTH)).astype(np.float32),
        **discriminator.initial("cdan", (RANDOM_WIDTH, *discriminator.HIDDEN, 1), random),
    }


CDAN = Term("cdan", frozenset({Need.TARGET_WINDOWS, Need.SOURCE_WINDOWS}), loss, initial=initial)
