"""Target features on which two heads that are both right about the labels must agree.

A second head learns the labels too. Both heads then seek what they can disagree about in the target, which are the
windows far from anything labelled, and the features leave them no such windows. The paper takes turns; here the heads
and the features move in one step, through the reversed gradient.

Reference: Saito et al. 2018, Maximum classifier discrepancy, https://arxiv.org/abs/1712.02560, section 3: the mean
absolute difference of the two heads' probabilities.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from adapters.objective import Arrays, Need, Signals, Term
from adapters.objectives.feature_map import head_names
from adapters.objectives.reversal import reversed_gradient, schedule
from nets import losses
from nets.model import Model

PERTURBATION = 0.3  # of the head's own deviation: the second head starts right about the labels, and not the same


def loss(signals: Signals) -> Array:
    """Cross-entropy of the second head less the discrepancy of both, which the features see reversed.

    The discrepancy counts by ``dann``'s schedule: two heads that have learned nothing yet disagree about everything.
    """
    assert signals.target is not None
    seen = reversed_gradient(signals.target.features, jnp.float32(1))
    apart = discrepancy(signals.head(seen), second_head(signals, seen))
    return _of_labels(signals) - schedule(signals.progress) * apart


def discrepancy(logits: Array, others: Array) -> Array:
    """Mean absolute difference of the probabilities, over windows and classes."""
    return jnp.abs(jax.nn.softmax(logits) - jax.nn.softmax(others)).mean()


def second_head(signals: Signals, features: Array) -> Array:
    """Its logits (batch, classes)."""
    return features @ signals.own["mcd.kernel"] + signals.own["mcd.bias"]


def _of_labels(signals: Signals) -> Array:
    known = [domain for domain in (signals.labelled, signals.source) if domain is not None]
    terms = [
        losses.cross_entropy(second_head(signals, one.features), one.labels, label_smoothing=signals.label_smoothing)
        for one in known
    ]
    return sum(terms, jnp.zeros(()))


def initial(model: Model, random: np.random.Generator) -> Arrays:
    """The second head: the first one, perturbed."""
    kernel, bias = (model.arrays[name] for name in head_names(model))
    noise = PERTURBATION * kernel.std() * random.standard_normal(kernel.shape)
    return {"mcd.kernel": (kernel + noise).astype(np.float32), "mcd.bias": bias.astype(np.float32)}


MCD = Term("mcd", frozenset({Need.LABELS, Need.TARGET_WINDOWS, Need.SOURCE_WINDOWS}), loss, initial=initial)
