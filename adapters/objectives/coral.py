"""Make the second moments of the features agree.

Reference: Sun & Saenko 2016, Deep CORAL, https://arxiv.org/abs/1607.01719.
"""

from jax import Array

from adapters.objective import CLASSES, OUTPUTS, Need, Signals, Term


def loss(signals: Signals) -> Array:
    """Squared Frobenius distance of the feature covariances of source and target, over 4 d²: equation 1."""
    assert signals.source is not None and signals.target is not None
    difference = covariance(signals.source.features) - covariance(signals.target.features)
    return (difference**2).sum() / (4 * difference.shape[0] ** 2)


def covariance(features: Array) -> Array:
    """Unbiased covariance (features, features) of (batch, features)."""
    centred = features - features.mean(0)
    return centred.T @ centred / max(features.shape[0] - 1, 1)


CORAL = Term("coral", frozenset({Need.TARGET_WINDOWS, Need.SOURCE_WINDOWS}), loss, kinds=frozenset({CLASSES, OUTPUTS}))
