"""Learn from labels that the pool gives itself: the class whose centre is nearest.

Centres of classes are found over the whole pool at the start of each pass: first as means weighed by the answers, then
as means of the windows that were nearest to each. A class that no window is answered with has no centre.
SHOT is ``information_maximisation + pseudo_labels*0.3`` on everything but the head.

Reference: Liang et al. 2020, SHOT, https://arxiv.org/abs/2002.08546, equations 4 to 7.
"""

import jax
import jax.numpy as jnp
from jax import Array

from adapters.bank import NORM_FLOOR, bank
from adapters.objective import Need, Signals, Term
from nets import losses
from nets.network import Network
from nets.windows import Windows

_LABELS = "pseudo_labels.labels"


def loss(signals: Signals) -> Array:
    """Cross-entropy of the target's answers to the pool's own labels."""
    assert signals.target is not None
    return losses.cross_entropy(signals.target.logits, signals.found[_LABELS][signals.target.rows])


def refresh(network: Network, windows: Windows, count: Array) -> dict[str, Array]:
    """A label, (rows,), for every window of the pool; -1 for padding."""
    found = bank(network, windows, count)
    labels = nearest_centres(found.features, jax.nn.softmax(found.logits), found.real)
    return {_LABELS: jnp.where(found.real > 0, labels, -1)}


def nearest_centres(features: Array, probabilities: Array, real: Array) -> Array:
    """Class (rows,) of the nearest centre by cosine, after one round of weighted and one of plain k-means.

    Args:
        features: (rows, features), of length 1.
        probabilities: (rows, classes).
        real: (rows,), 0 for rows that do not count.
    """
    classes = probabilities.shape[-1]
    answered = _members(probabilities.argmax(-1), real, classes).sum(0) > 0
    labels = _nearest(features, probabilities * real[:, None], answered)
    return _nearest(features, _members(labels, real, classes), answered)


def _members(labels: Array, real: Array, classes: int) -> Array:
    return jax.nn.one_hot(labels, classes, dtype=real.dtype) * real[:, None]


def _nearest(features: Array, weights: Array, allowed: Array) -> Array:
    """Centres are the weighted means of the features, and each window takes the nearest allowed."""
    centres = weights.T @ features  # the cosine does not see that these are sums and no means
    lengths = jnp.sqrt(jnp.square(centres).sum(-1, keepdims=True))
    cosines = features @ (centres / jnp.maximum(lengths, NORM_FLOOR)).T
    some = allowed & (weights.sum(0) > 0)
    return jnp.where(some, cosines, -jnp.inf).argmax(-1).astype(jnp.int32)


PSEUDO_LABELS = Term("pseudo_labels", frozenset({Need.TARGET_WINDOWS}), loss, refresh=refresh)
