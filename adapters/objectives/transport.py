"""Carry the target's features to the source's by the cheapest plan: closed form, folded into the last layer.

An entropic plan pairs the windows of the two pools at the least squared distance. Each target window's image is the
mean of what it is paired with, and the affine map that fits these images best goes into the last layer. As many further
windows as there are features, spread evenly in all directions, are taken to keep their distance from the mean, so that
few windows turn and stretch little.

It takes the classes to be shared out alike in both pools; the plan has nowhere else to put a surplus.

Reference: Courty et al. 2017, Optimal transport for domain adaptation, https://arxiv.org/abs/1507.00504 (entropic plan
and barycentric map); Perrot et al. 2016, Mapping estimation for discrete optimal transport, NeurIPS 29 (the linear map
with a pull towards the identity); Cuturi 2013, https://arxiv.org/abs/1306.0895 (Sinkhorn's iteration).
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from adapters.objective import CLASSES, OUTPUTS, Arrays, Need, Pools, Term
from adapters.objectives.feature_map import (
    TINY,
    Doubles,
    FeatureMap,
    features_of,
    folded,
    moments_of,
)
from nets.model import Model
from nets.windows import bucket, pad_rows

WINDOWS = 512  # of each pool at most, evenly spaced: a plan's cost is their product
BLUR = 0.02  # of the product of both pools' deviations: the entropy's weight in the cost of a plan
LEAST_SPREAD = 1e-3  # of the source's deviation: what a target's counts for at least
ROUNDS = 2000
TOLERANCE = 1e-3  # of the plan's marginals, summed


def solve(model: Model, names: frozenset[str], pools: Pools) -> Arrays:
    """The last layer behind ``map_between`` of the two pools' features.

    Raises:
        Refused: SOURCE_MISSING, or FIELD_INVALID when the last layer is not in scope.
    """
    return folded(model, map_between(*features_of(model, names, pools, "transport")))


def map_between(target: npt.NDArray[np.float32], source: npt.NDArray[np.float32]) -> FeatureMap:
    """f ↦ (f - mean) A + mean of the images, A the best fit to ``images`` that is pulled towards the identity.

    Args:
        target: (count, features).
        source: (count, features).
    """
    target, source = evenly(target, WINDOWS), evenly(source, WINDOWS)
    there = images(target, source)
    home = moments_of(source)
    prior = (np.trace(home.covariance) + TINY) * np.eye(target.shape[1])
    centred = target - target.mean(0, dtype=np.float64)
    matrix = np.linalg.solve(centred.T @ centred + prior, centred.T @ (there - there.mean(0)) + prior)
    return FeatureMap(matrix, target.mean(0, dtype=np.float64), there.mean(0))


def images(target: npt.NDArray[np.float32], source: npt.NDArray[np.float32]) -> Doubles:
    """Where the plan takes each target window, (target windows, features)."""
    # Means and scale do not change which plan is the cheapest, and float32 has more digits without them.
    centred = [x - x.mean(0, dtype=np.float64) for x in (target, source)]
    there, home = (np.sqrt(np.square(x).sum(1).mean() + TINY) for x in centred)
    scale = np.sqrt(max(there, LEAST_SPREAD * home) * home)
    points = [jnp.asarray(pad_rows((x / scale).astype(np.float32), bucket(len(x)))) for x in centred]
    shares = [jnp.asarray(pad_rows(np.full(len(x), 1 / len(x), np.float32), bucket(len(x)))) for x in centred]
    carried = np.asarray(_carried(*points, *shares), np.float64)[: len(target)]
    return np.asarray(carried * scale + source.mean(0, dtype=np.float64))


def evenly(rows: npt.NDArray[np.float32], limit: int) -> npt.NDArray[np.float32]:
    """At most ``limit`` of ``rows``, evenly spaced: the windows of a pool stand in the order they were recorded."""
    if len(rows) <= limit:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, limit).round().astype(int)])


@jax.jit
def _carried(target: Array, source: Array, target_shares: Array, source_shares: Array) -> Array:
    # Here, because it takes seconds, and most jobs never ask for a plan.
    from ott.geometry.pointcloud import PointCloud
    from ott.problems.linear.linear_problem import LinearProblem
    from ott.solvers.linear.sinkhorn import Sinkhorn

    geometry = PointCloud(target, source, epsilon=BLUR)
    plan = Sinkhorn(threshold=TOLERANCE, max_iterations=ROUNDS)(
        LinearProblem(geometry, a=target_shares, b=source_shares)
    ).matrix
    mass = plan.sum(1, keepdims=True)
    return plan @ source / jnp.where(mass > 0, mass, 1)


TRANSPORT = Term(
    "transport",
    frozenset({Need.TARGET_WINDOWS, Need.SOURCE_WINDOWS}),
    solve=solve,
    kinds=frozenset({CLASSES, OUTPUTS}),
)
