"""An affine map of the features, folded into the last layer: what the closed forms of alignment have in common.

With f ↦ (f - before) A + after in front of it, the last layer's f K + b stays one: its kernel becomes A K, its bias
b + after K - before A K. So the map costs the device nothing, and only the head travels.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from adapters.objective import Arrays, Pools
from nets import inference
from nets.layers import Dense
from nets.model import Model
from slipway.errors import Reason, Refused

Doubles = npt.NDArray[np.float64]

RIDGE = 1e-6  # of the mean variance: what keeps a square root or an inverse of a singular covariance finite
TINY = 1e-12  # in squared units of the features: no variance at all


class FeatureMap(NamedTuple):
    """f ↦ (f - before) @ matrix + after: matrix (features, features), before and after (features,)."""

    matrix: Doubles
    before: Doubles
    after: Doubles


class Moments(NamedTuple):
    """Mean (features,) and covariance (features, features), of so many windows; None takes them as certain."""

    mean: Doubles
    covariance: Doubles
    windows: int | None = None


def moments_of(features: npt.NDArray[np.float32]) -> Moments:
    """Of features (count, features); the covariance is unbiased, and 0 for one window."""
    rows = features.astype(np.float64)
    mean = rows.mean(0)
    return Moments(mean, (rows - mean).T @ (rows - mean) / max(len(rows) - 1, 1), len(rows))


def ridged(covariance: Doubles) -> Doubles:
    """``covariance`` with a little of its mean variance added in every direction: never singular."""
    size = len(covariance)
    return np.asarray(covariance + (RIDGE * np.trace(covariance) / size + TINY) * np.eye(size))


def pulled(target: Moments, source: Moments) -> Doubles:
    """The target's covariance, ridged, as if some more windows had been seen that vary as the source does.

    As many as there are features, the least that a prior of a covariance counts for: a pool of few windows says little
    of its covariance, and what it does not say stays what it was. Up to a constant of the count this is the mode of an
    inverse-Wishart posterior around the source.
    """
    if target.windows is None:
        return ridged(target.covariance)
    prior = len(target.mean)
    known = target.windows * ridged(target.covariance)
    return np.asarray((known + prior * ridged(source.covariance)) / (target.windows + prior))


def head_index(model: Model) -> int:
    """Index of the last Dense layer."""
    return max(index for index, layer in enumerate(model.layers) if isinstance(layer, Dense))


def head_names(model: Model) -> tuple[str, str]:
    """Names of the last Dense layer's kernel and bias."""
    index = head_index(model)
    return f"{index}.kernel", f"{index}.bias"


def feature_count(model: Model) -> int:
    """How many numbers the last Dense layer sees."""
    return int(model.arrays[head_names(model)[0]].shape[0])


def folded(model: Model, found: FeatureMap) -> Arrays:
    """Kernel and bias of the last layer with ``found`` before it."""
    kernel, bias = head_names(model)
    weights = model.arrays[kernel].astype(np.float64)
    mapped = found.matrix @ weights
    offset = model.arrays[bias] + found.after @ weights - found.before @ mapped
    return {kernel: mapped.astype(np.float32), bias: offset.astype(np.float32)}


def features_of(
    model: Model, names: frozenset[str], pools: Pools, term: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Features of the target's windows and of the source's, (count, features) each.

    The source's are the base's own, which its last layer learned from: an earlier closed form fits ``model`` to the
    target only.

    Raises:
        Refused: SOURCE_MISSING, or FIELD_INVALID when the last layer is not in scope.
    """
    if not names.issuperset(head_names(model)):
        raise Refused(
            Reason.FIELD_INVALID,
            field="scope",
            problem=f"{term} maps the features by changing the last layer, and the scope does not hold it",
            found=sorted(names)[:3],
            remedy="Use head, or a scope that includes it.",
        )
    if pools.source is None:
        raise Refused(Reason.SOURCE_MISSING, field="source_values", name=term)
    home = model if pools.base is None else pools.base
    return inference.features(model, pools.target.values), inference.features(home, pools.source.values)
