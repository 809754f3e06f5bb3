"""Give the target's features the source's mean and covariance: closed form, folded into the last layer.

CORAL whitens the source and colours it as the target, and trains a classifier anew. Here the classifier stays and the
target's features come to it: whitened, coloured as the source. One linear map, no step size; of the windows it needs
mean and covariance only.

It takes the two domains to differ by the sensor alone: other class shares in the target are mapped away as well.

Reference: Sun, Feng & Saenko 2016, Return of frustratingly easy domain adaptation, https://arxiv.org/abs/1511.05547,
algorithm 1 with the domains' parts exchanged.
"""

from dataclasses import replace

import numpy as np

from adapters.objective import CLASSES, OUTPUTS, Arrays, Need, Pools, Term
from adapters.objectives.feature_map import (
    Doubles,
    FeatureMap,
    Moments,
    features_of,
    folded,
    moments_of,
    pulled,
    ridged,
)
from nets.model import Model


def solve(model: Model, names: frozenset[str], pools: Pools) -> Arrays:
    """The last layer behind ``map_between`` of the two pools' features.

    Raises:
        Refused: SOURCE_MISSING, or FIELD_INVALID when the last layer is not in scope.
    """
    target, source = features_of(model, names, pools, "coral_map")
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
    """``head × coral_map`` for a device that sends no window: equal to what its windows would give.

    Args:
        model: whose features were measured.
        target_mean: (features,).
        target_covariance: (features, features), unbiased.
        source_mean: (features,).
        source_covariance: (features, features), unbiased.
        target_count: windows behind the target's numbers; None takes them as certain.
    """
    found = map_between(Moments(target_mean, target_covariance, target_count), Moments(source_mean, source_covariance))
    return replace(model, arrays={**model.arrays, **folded(model, found)})


def map_between(target: Moments, source: Moments) -> FeatureMap:
    """f ↦ (f - mean) Cₜ^-½ Cₛ^½ + source mean: the identity for equal moments.

    A target of few windows is pulled towards the source's covariance (``pulled``).
    """
    matrix = power(pulled(target, source), -0.5) @ power(ridged(source.covariance), 0.5)
    return FeatureMap(matrix, target.mean, source.mean)


def power(covariance: Doubles, exponent: float) -> Doubles:
    """Symmetric power of a positive definite matrix."""
    values, vectors = np.linalg.eigh(covariance)
    # Rounding can bring the least ones under 0; ``ridged`` put them over this.
    floor = 0.5e-6 * max(float(values.mean()), 0.0) + 0.5e-12
    return np.asarray((vectors * np.maximum(values, floor) ** exponent) @ vectors.T)


CORAL_MAP = Term(
    "coral_map",
    frozenset({Need.TARGET_WINDOWS, Need.SOURCE_WINDOWS}),
    solve=solve,
    kinds=frozenset({CLASSES, OUTPUTS}),
)
