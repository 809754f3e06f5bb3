"""Make the third moments of the features agree: their skewness, alone and together.

The paper samples entries of the moment tensors, which are too large to write down. Their distance needs none of them:
⟨x⊗x⊗x, y⊗y⊗y⟩ = ⟨x, y⟩³, so one product of the two batches gives it exactly, without sampling noise and at less cost.

Reference: Chen et al. 2020, HoMM, https://arxiv.org/abs/1912.11976, order 3; the features are centred as in its code.
Means and covariances are other terms': ``mmd``, ``coral``.
"""

import jax.numpy as jnp
from jax import Array

from adapters.objective import CLASSES, OUTPUTS, Need, Signals, Term

RESOLUTION = 1e-6  # of the mean square of the features: a spread under it is rounding
TINY = 1e-12  # in squared units of the features: all of them 0


def loss(signals: Signals) -> Array:
    """Mean square, over the features³ entries, of the difference of the central third moments.

    In units of the features' own root mean square, the gradient included: a weight means the same whatever their scale,
    and there is nothing to win by shrinking them.
    """
    assert signals.source is not None and signals.target is not None
    seen = signals.source.features, signals.target.features
    source, target = (x - x.mean(0) for x in seen)
    both = jnp.concatenate([source, target])
    size = jnp.square(jnp.concatenate(seen)).mean()
    spread = jnp.maximum(jnp.square(both).mean(), RESOLUTION * size + TINY)
    weights = jnp.concatenate([jnp.full(len(source), 1 / len(source)), jnp.full(len(target), -1 / len(target))])
    products = both @ both.T / (spread * both.shape[1])
    # Rounding alone can bring the sum under 0.
    return jnp.maximum(weights @ products**3 @ weights, 0)


HOMM = Term("homm", frozenset({Need.TARGET_WINDOWS, Need.SOURCE_WINDOWS}), loss, kinds=frozenset({CLASSES, OUTPUTS}))
