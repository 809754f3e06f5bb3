"""Sets of answers that hold the right one as often as was asked, from windows with answers that no model learned from.

**What is assumed.** The calibration windows and those to come are exchangeable (classes: within each class, where
shares are given for both; then only the shares may differ). A sensor that drifted after calibration breaks this, and so
do source windows for a device that differs from home in anything but its class shares. Without labels of the device
nothing proves that it holds: when labels come, ``realised`` says what the sets were worth.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from adapters.marginal import Shares
from slipway.errors import Reason, Refused
from slipway.windows import answered

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Sets = npt.NDArray[np.bool_]  # (count, classes): which classes an answer names
Score = Literal["least_ambiguous", "adaptive"]


@dataclass(frozen=True, eq=False)
class ClassCalibration:
    """What makes sets of classes.

    Args:
        score: ``least_ambiguous`` gives the smallest sets on average (Sadinle, Lei & Wasserman 2019,
            https://arxiv.org/abs/1609.00451); ``adaptive`` larger ones where windows are hard (Romano, Sesia & Candès
            2020, https://arxiv.org/abs/2006.02544, without its randomisation, so a little too large).
        thresholds: (classes,), a class is named when its score is at most this; infinite where too few windows are
            known to leave it out.
        coverage: asked for.
    """

    score: Score
    thresholds: Doubles
    coverage: float


@dataclass(frozen=True, eq=False)
class OutputCalibration:
    """What makes intervals of quantities: the answer plus or minus ``half_widths`` (outputs,), in their units."""

    half_widths: Doubles
    coverage: float


@dataclass(frozen=True)
class Realised:
    """What sets turned out to be worth.

    Args:
        coverage: share of the labelled windows whose set held the label; of several outputs the lowest.
        low: of a 95 % interval of it (Wilson 1927).
        high: likewise.
        size: mean number of classes in a set, or mean width of an interval over the outputs.
        count: labelled windows.
    """

    coverage: float
    low: float
    high: float
    size: float
    count: int


def calibrate(
    probabilities: Floats,
    labels: npt.NDArray[np.int32],
    *,
    coverage: float = 0.9,
    score: Score = "least_ambiguous",
    shares: tuple[Shares, Shares] | None = None,
) -> ClassCalibration:
    """Thresholds from windows with labels.

    Args:
        probabilities: (count, classes), a model's answers to windows it did not learn from.
        labels: (count,), -1 where nobody said.
        coverage: share of sets that are to hold the right class.
        score: which sets.
        shares: class shares among these windows and among those to come, where they differ: each calibration window
            counts for as many to come as it stands for (label shift).

    Raises:
        Refused: FIELD_INVALID, a coverage that is no share; LABELS_MISSING, no label.

    Reference: Vovk, Gammerman & Shafer 2005; with weights for label shift Podkopaev & Ramdas 2021,
    https://arxiv.org/abs/2103.03323.
    """
    _check(coverage)
    said = np.flatnonzero(answered(labels))
    if not len(said):
        raise Refused(Reason.LABELS_MISSING, field="labels", found=0, name="the calibration", expected="1")
    classes = probabilities.shape[1]
    weights = np.ones(classes) if shares is None else shares[1] / shares[0]
    found = _scores(probabilities[said], score)[np.arange(len(said)), labels[said]]
    mass = weights[labels[said]]
    thresholds = [_quantile(found, mass, float(weights[label]), coverage) for label in range(classes)]
    return ClassCalibration(score, np.array(thresholds), coverage)


def sets(calibration: ClassCalibration, probabilities: Floats) -> Sets:
    """Which classes are named for each window, (count, classes); the likeliest always is."""
    named = _scores(probabilities, calibration.score) <= calibration.thresholds
    named[np.arange(len(named)), probabilities.argmax(1)] = True
    return np.asarray(named)


def calibrate_outputs(answers: Floats, targets: Floats, *, coverage: float = 0.9) -> OutputCalibration:
    """Half widths from windows with answers: the quantile of the absolute errors, output by output.

    Args:
        answers: (count, outputs), a model's, to windows it did not learn from.
        targets: (count, outputs), NaN where nobody said.
        coverage: share of intervals that are to hold the target, of each output by itself.

    Raises:
        Refused: FIELD_INVALID, a coverage that is no share; LABELS_MISSING, no target.
    """
    _check(coverage)
    said = answered(targets)
    if not said.any():
        raise Refused(Reason.LABELS_MISSING, field="labels", found=0, name="the calibration", expected="1")
    errors = np.abs(answers[said].astype(np.float64) - targets[said])
    mass = np.ones(len(errors))
    return OutputCalibration(np.array([_quantile(column, mass, 1.0, coverage) for column in errors.T]), coverage)


def realised(named: Sets, labels: npt.NDArray[np.int32]) -> Realised:
    """What sets (count, classes) were worth on those windows whose labels (count,) came."""
    said = np.flatnonzero(answered(labels))
    held = named[said, labels[said]]
    return _realised(held[:, None], float(named[said].sum(1).mean()) if len(said) else 0.0)


def realised_outputs(calibration: OutputCalibration, answers: Floats, targets: Floats) -> Realised:
    """What intervals about ``answers`` (count, outputs) were worth on those windows whose targets came."""
    said = answered(targets)
    held = np.abs(answers[said].astype(np.float64) - targets[said]) <= calibration.half_widths
    return _realised(held, float(2 * calibration.half_widths.mean()))


def _realised(held: Sets, size: float) -> Realised:
    """``held``: (count, outputs)."""
    count = len(held)
    if not count:
        return Realised(0.0, 0.0, 1.0, size, 0)
    share, z = float(held.mean(0).min()), NormalDist().inv_cdf(0.975)
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * float(np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)))
    return Realised(share, max(centre - reach, 0.0), min(centre + reach, 1.0), size, count)


def _scores(probabilities: Floats, score: Score) -> Doubles:
    """(count, classes): how little each class conforms to the answer."""
    p = probabilities.astype(np.float64)
    if score == "least_ambiguous":
        return np.asarray(1 - p)
    order = np.argsort(-p, 1, kind="stable")
    total = np.take_along_axis(p, order, 1).cumsum(1)
    found = np.empty_like(p)
    np.put_along_axis(found, order, total, 1)
    return found


def _quantile(scores: Doubles, mass: Doubles, own: float, coverage: float) -> float:
    """The least score whose mass reaches ``coverage`` of all, the new window's ``own`` mass lying at infinity."""
    order = np.argsort(scores, kind="stable")
    reached = mass[order].cumsum()
    place = int(np.searchsorted(reached, coverage * (reached[-1] + own) * (1 - 1e-12)))
    return float(scores[order][place]) if place < len(scores) else np.inf


def _check(coverage: float) -> None:
    if not 0 < coverage < 1:
        remedy = "Ask for a share such as 0.9."
        problem = "needs over 0 to under 1"
        raise Refused(Reason.FIELD_INVALID, field="coverage", problem=problem, found=coverage, remedy=remedy)
