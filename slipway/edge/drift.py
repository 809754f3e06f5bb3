"""Drift: how far recent windows are from home, as one number. 0 is as at home, 1 should be looked at.

It is the largest, over the features of ``home``, of the mean over about a thousand recent windows divided by its limit.
Home's limit is one; the other is three times the standard error of that mean as the device's own windows show it (batch
means), where home was not in the order of time and so does not tell how long a device may stay in one place.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from slipway.edge.home import Floats, Home, features

BATCH = 32  # windows
BATCHES = 32  # remembered: 1,024 windows
NEEDED = BATCHES // 2  # nothing is said before
GROUPS = 8  # of which the standard error is the scatter
ERRORS = 3.0  # standard errors that are nothing
CONFIDENCE = "answers: confidence"  # only its fall counts

Recent = Floats  # (up to 32, features): means over 32 windows each, in home's standard deviations; oldest first


@dataclass(frozen=True)
class Drift:
    """How far recent windows are from home, and the feature that is furthest.

    Args:
        value: 0 at home, 1 at the limit.
        feature: such as "acc_z: level".
        shift: of that feature's mean, in home's standard deviations.
    """

    value: float
    feature: str
    shift: float

    @property
    def cause(self) -> str:
        """In words: "acc_z: level +2.3 sd"."""
        return f"{self.feature} {self.shift:+.1f} sd"


def nothing_yet(home: Home) -> Recent:
    """Before the first window."""
    return np.empty((0, len(home.mean)))


def seen(recent: Recent, found: Floats) -> Recent:
    """``recent`` and 32 more windows, whose features (32, features) are in home's standard deviations."""
    return np.concatenate([recent[1 - BATCHES :], found.mean(0, keepdims=True)])


def drift(home: Home, recent: Recent) -> Drift | None:
    """How far it is from home; None before 512 windows."""
    if len(recent) < NEEDED:
        return None
    mean = recent.mean(0)
    ratio = np.abs(mean) / np.maximum(home.limit, ERRORS * _standard_error(recent))
    names = features(home.task)
    if names[-1] == CONFIDENCE and mean[-1] > 0:
        ratio[-1] = 0.0
    worst = int(ratio.argmax())
    return Drift(float(ratio[worst]), names[worst], float(mean[worst]))


def onset(home: Home, recent: Recent) -> int:
    """How many of ``recent``, from the oldest on, are of the time before what drifts began to drift.

    The mean of the feature that is furthest is taken to have changed once: where its cumulative sum is furthest from
    what a mean that never changed would give. The batch in which that was belongs to neither time.

    Reference: Hinkley 1970, Inference about the change-point in a sequence of random variables.

    Returns:
        0 where the oldest are at least half as far from home as the newest, or too little is known.
    """
    found = drift(home, recent)
    if found is None:
        return 0
    worst = features(home.task).index(found.feature)
    values = recent[:, worst]
    first = int(np.abs(np.cumsum(values - values.mean())[:-1]).argmax()) + 1
    if abs(values[:first].mean()) > abs(values[first:].mean()) / 2:
        return 0
    return min(first + 1, len(values) - 1)


def _standard_error(batches: Floats) -> Floats:
    """Of the mean over all batches (count, features), from the means of 8 groups of neighbours.

    Reference: Law & Kelton, Simulation modeling and analysis, batch means.
    """
    each = len(batches) // GROUPS
    groups = batches[-each * GROUPS :].reshape(GROUPS, each, -1).mean(1)
    return np.asarray(groups.std(0, ddof=1) / np.sqrt(GROUPS))


def to_json(recent: Recent) -> list[list[float]]:
    """Plain JSON values; ``from_json`` is its inverse but for the fifth digit."""
    return [[float(f"{one:.4g}") for one in row] for row in recent]


def from_json(home: Home, rows: Any) -> Recent:
    """Read what ``to_json`` wrote.

    Raises:
        ValueError, TypeError: it was not written for this home.
    """
    recent = np.array(rows, np.float64).reshape(-1, len(home.mean))[-BATCHES:]
    if not np.isfinite(recent).all():
        raise ValueError("not a memory of this home")
    return recent
