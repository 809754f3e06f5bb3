"""Bring the directions in which the target's features vary onto the source's: closed form, folded into the last layer.

The paper turns the source's principal directions Xₛ into the target's Xₜ by M = Xₛᵀ Xₜ, the least-squares solution of
Xₛ M = Xₜ, and trains a classifier anew. Here the classifier stays in the source's features: the target's coordinates
f Xₜ take the same M back, and Xₛ leads them to features again. What varies outside either subspace is dropped.

Reference: Fernando et al. 2014, Subspace alignment for domain adaptation, https://arxiv.org/abs/1409.5241, whose first
form is Fernando et al. 2013, https://doi.org/10.1109/ICCV.2013.368, equations 1 and 2.
"""

from dataclasses import replace

import numpy as np

from adapters.objective import CLASSES, OUTPUTS, Arrays, Need, Pools, Term
from adapters.objectives.feature_map import Doubles, FeatureMap, Moments, features_of, folded, moments_of, pulled
from nets.model import Model

KEPT_VARIANCE = 0.99  # of the source's, in the subspace


def solve(model: Model, names: frozenset[str], pools: Pools) -> Arrays:
    """The last layer behind ``map_between`` of the two pools' features.

    Raises:
        Refused: SOURCE_MISSING, or FIELD_INVALID when the last layer is not in scope.
    """
    target, source = features_of(model, names, pools, "subspace")
    return folded(model, map_between(moments_of(target), moments_of(source)))


def from_moments(
    model: Model,
    target_mean: Doubles,
    target_covariance: Doubles,
    source_mean: Doubles,
    source_covariance: Doubles,
    *,
    target_count: int | None = None,
) -> Model:
    """``head × subspace`` for a device that sends no window; arguments as ``coral_map.from_moments``."""
    found = map_between(Moments(target_mean, target_covariance, target_count), Moments(source_mean, source_covariance))
    return replace(model, arrays={**model.arrays, **folded(model, found)})


def map_between(target: Moments, source: Moments) -> FeatureMap:
    """f ↦ (f - mean) Xₜ Mᵀ Xₛᵀ + source mean, with as many directions as hold ``KEPT_VARIANCE`` of the source.

    A target of few windows is pulled towards the source's covariance (``pulled``).
    """
    values, vectors = np.linalg.eigh(source.covariance)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    count = int(np.searchsorted(np.cumsum(values), KEPT_VARIANCE * values.sum())) + 1
    of_source = vectors[:, : min(count, len(values))]
    of_target = np.linalg.eigh(pulled(target, source))[1][:, ::-1][:, : of_source.shape[1]]
    alignment = of_source.T @ of_target
    return FeatureMap(of_target @ alignment.T @ of_source.T, target.mean, source.mean)


SUBSPACE = Term(
    "subspace",
    frozenset({Need.TARGET_WINDOWS, Need.SOURCE_WINDOWS}),
    solve=solve,
    kinds=frozenset({CLASSES, OUTPUTS}),
)
