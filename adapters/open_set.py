"""Answers that may also be "none of these": windows of a class that the task does not have come out as unknown.

A score says how strange a window is to the network; a limit on it is set where a stated share of known windows would be
turned away. Both come from labelled windows of the source, seen by the network that learned from them; what they
promise for a device holds as far as the adapted network sees the device's windows as the base sees the source's.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nets.inference import outputs
from nets.model import Model
from nets.windows import stratified_split
from slipway.errors import Reason, Refused
from slipway.windows import UNLABELLED, Labels, Values, check_labels, check_values

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Score = Literal["distance", "energy"]

FITTING_SHARE = 0.5  # of the windows, from which the distance learns; the others set the limit


@dataclass(frozen=True, eq=False)
class Threshold:
    """Where a window stops being known.

    Args:
        score: ``distance``, the least Mahalanobis distance of the features to the mean of a class, squared;
            ``energy``, -log Σ exp of the logits.
        limit: a higher score is unknown.
        false_rejections: the share of known windows that may be turned away.
        windows: how many known windows set the limit.
        means: (classes with windows, features); empty for the energy.
        precision: (features, features), the inverse of the covariance within classes; empty for the energy.
    """

    score: Score
    limit: float
    false_rejections: float
    windows: int
    means: Floats
    precision: Floats

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "score": self.score,
            "limit": self.limit,
            "false_rejections": self.false_rejections,
            "windows": self.windows,
            "means": self.means.tolist(),
            "precision": self.precision.tolist(),
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Threshold":
        """What ``to_json`` wrote."""
        arrays = {name: np.asarray(data[name], np.float32) for name in ("means", "precision")}
        return Threshold(**{**data, **arrays})


def calibrate(
    model: Model,
    source_values: Values,
    source_labels: Labels,
    false_rejections: float = 0.05,
    *,
    score: Score = "distance",
    seed: int = 0,
) -> Threshold:
    """The threshold that turns away at most ``false_rejections`` of windows like the source's, on average.

    Half of the windows fit means and covariance, the others set the limit: the smallest of their scores that at least
    a share of 1 - ``false_rejections`` of them and the next window together do not exceed (split conformal; Vovk et al.
    2005). The share holds for windows exchangeable with these, whatever the network.

    Args:
        model: the base, which learned from the source.
        source_values: (count, time, channels); best are windows it did not learn from.
        source_labels: (count,); windows without a label are left out.
        false_rejections: over 0 and under 1.
        score: what says how strange a window is.
        seed: of the split.

    Raises:
        Refused: FIELD_INVALID, a rate that is no share, or a regression; LABELS_MISSING, too few windows for the rate.

    Reference: Lee et al. 2018, https://arxiv.org/abs/1807.03888, equations 1 and 2 (distance); Liu et al. 2020,
    https://arxiv.org/abs/2010.03759, equation 4 (energy).
    """
    _check(model, false_rejections)
    values = check_values(source_values, model.task.sensor, "source_values")
    labels = check_labels(source_labels, len(model.task.classes), "source_labels")
    values, labels = values[labels != UNLABELLED], labels[labels != UNLABELLED]
    fit, hold = stratified_split(labels, 1 - FITTING_SHARE, seed) if len(labels) else (np.zeros(0, int),) * 2
    if score == "energy":
        fit, hold = np.zeros(0, int), np.arange(len(labels))
    rank = math.ceil((len(hold) + 1) * (1 - false_rejections))
    if rank > len(hold) or (score == "distance" and not len(fit)):
        needed = math.ceil(1 / false_rejections) * (1 if score == "energy" else 2)
        raise Refused(
            Reason.LABELS_MISSING, field="source_labels", found=len(labels), name="the source", expected=needed
        )
    features, logits = outputs(model.layers, model.arrays, values)
    means, precision = np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32)
    if score == "distance":
        means, precision = _fitted(features[fit].astype(np.float64), labels[fit])
    open_ended = Threshold(score, math.inf, false_rejections, len(hold), means, precision)
    limit = float(np.sort(_scores(open_ended, features[hold], logits[hold]))[rank - 1])
    return Threshold(score, limit, false_rejections, len(hold), means, precision)


def strangeness(model: Model, values: Values, threshold: Threshold) -> Doubles:
    """The score of each window, (count,); over ``threshold.limit`` is unknown."""
    values = check_values(values, model.task.sensor)
    if not len(values):
        return np.zeros(0)
    return _scores(threshold, *outputs(model.layers, model.arrays, values))


def reject(model: Model, values: Values, threshold: Threshold) -> Labels:
    """The class of each window, (count,), or -1 for one that is of none.

    Args:
        model: the base, or what an adaptation made of it.
        values: (count, time, channels).
        threshold: of the base.
    """
    values = check_values(values, model.task.sensor)
    if not len(values):
        return np.zeros(0, np.int32)
    features, logits = outputs(model.layers, model.arrays, values)
    strange = _scores(threshold, features, logits) > threshold.limit
    return np.where(strange, UNLABELLED, logits.argmax(-1)).astype(np.int32)


def _scores(threshold: Threshold, features: Floats, logits: Floats) -> Doubles:
    if threshold.score == "energy":
        highest = logits.max(-1, keepdims=True).astype(np.float64)
        return np.asarray(-(highest[:, 0] + np.log(np.exp(logits - highest).sum(-1))))
    return np.asarray(distances(features, threshold.means, threshold.precision).min(1))


def distances(features: Floats, means: Floats, precision: Floats) -> Doubles:
    """Squared Mahalanobis distance (count, classes) of features (count, features) to each mean."""
    offsets = features.astype(np.float64)[:, None] - means
    return np.asarray(np.einsum("nci,ij,ncj->nc", offsets, precision.astype(np.float64), offsets, optimize=True))


def _fitted(features: Doubles, labels: Labels) -> tuple[Floats, Floats]:
    """Means of the classes that have windows, and the inverse of the covariance they share."""
    present = np.unique(labels)
    means = np.stack([features[labels == label].mean(0) for label in present])
    within = features - means[np.searchsorted(present, labels)]
    precision = np.linalg.inv(shrunk(within))
    return means.astype(np.float32), precision.astype(np.float32)


def shrunk(deviations: Doubles) -> Doubles:
    """Covariance (features, features) of deviations (count, features) from their means, drawn towards a multiple of 1.

    As far as few windows ask for it, so that it has an inverse.

    Reference: Chen et al. 2010, Shrinkage algorithms for MMSE covariance estimation (oracle approximating shrinkage),
    https://doi.org/10.1109/TSP.2010.2053029, equation 23.
    """
    count, width = deviations.shape
    covariance = deviations.T @ deviations / count
    trace, square = np.trace(covariance), np.square(covariance).sum()
    apart = square - trace**2 / width
    above = (1 - 2 / width) * square + trace**2
    share = 1.0 if apart <= 0 else min(1.0, above / ((count + 1 - 2 / width) * apart))
    scale = trace / width if trace > 0 else 1.0
    share = max(share, 1e-6)  # features that never move must not make it singular
    return np.asarray((1 - share) * covariance + share * scale * np.eye(width))


def _check(model: Model, false_rejections: float) -> None:
    if not 0 < false_rejections < 1:
        raise Refused(
            Reason.FIELD_INVALID,
            field="false_rejections",
            problem="needs a share over 0 and under 1",
            found=false_rejections,
            remedy="Write 0.05 for one known window in twenty.",
        )
    if model.task.outputs:
        raise Refused(
            Reason.FIELD_INVALID,
            field="model",
            problem="a task without classes has no unknown class",
            found=model.task.name,
            remedy="Use it with a model that tells classes apart.",
        )
