"""Make the distributions of the features agree, as far as Gaussian kernels of several widths can tell.

The squared maximum mean discrepancy of the batch in its biased form (a V-statistic): 0 for equal sets and never below,
where the unbiased form swings about 0 and rewards chance. For two batches of one domain it is over 0 on average, by an
amount that falls with the batch.

Reference: Long et al. 2015, Deep adaptation networks, https://arxiv.org/abs/1502.02791 (several kernels on features);
Gretton et al. 2012, JMLR 13:723-773, equation 5 (biased form) and section 8 (median heuristic).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from adapters.objective import CLASSES, OUTPUTS, Need, Signals, Term

WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the kernels, in median squared distances
PAIRS = 1024  # of rows, that the median is taken over: sorting all of them would cost more than the kernels
LEAST_MEDIAN = 0.01  # of the mean distance: where most windows are copies, the median says nothing
RESOLUTION = 1e-5  # of the mean square of the features: closer than that, float32 cannot tell them apart
TINY = 1e-12  # in squared units of the features: all of them 0


def loss(signals: Signals) -> Array:
    """Squared discrepancy of source and target, the mean over the kernels: 0 to 2."""
    assert signals.source is not None and signals.target is not None
    return discrepancy(signals.source.features, signals.target.features)


def discrepancy(source: Array, target: Array) -> Array:
    """Σᵢⱼ wᵢ wⱼ k(xᵢ, xⱼ) over both batches, w = 1/n in the source and -1/m in the target.

    Args:
        source: (n, features).
        target: (m, features).
    """
    both = jnp.concatenate([source, target])
    distances = squared_distances(both)
    unit = jax.lax.stop_gradient(_unit(both, distances))
    kernel = sum((jnp.exp(-distances / (width * unit)) for width in WIDTHS), jnp.float32(0)) / len(WIDTHS)
    weights = jnp.concatenate([jnp.full(len(source), 1 / len(source)), jnp.full(len(target), -1 / len(target))])
    return weights @ kernel @ weights


def squared_distances(x: Array) -> Array:
    """(rows, rows), between all rows of ``x``; by inner products of the centred rows, and never below 0."""
    centred = x - jax.lax.stop_gradient(x.mean(0))
    norms = jnp.square(centred).sum(1)
    return jnp.maximum(norms[:, None] + norms[None, :] - 2 * centred @ centred.T, 0)


def _unit(x: Array, distances: Array) -> Array:
    rows, columns = np.triu_indices(len(x), 1)
    every = -(-len(rows) // PAIRS)
    pairs = distances[rows[::every], columns[::every]]
    floor = RESOLUTION * jnp.square(x).sum(1).mean() + TINY
    return jnp.maximum(jnp.maximum(jnp.median(pairs), LEAST_MEDIAN * pairs.mean()), floor)


MMD = Term("mmd", frozenset({Need.TARGET_WINDOWS, Need.SOURCE_WINDOWS}), loss, kinds=frozenset({CLASSES, OUTPUTS}))
