"""What home looks like, and a pool: moments of the channels, class by class where windows are labelled."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from adapters.sensor.fault import Vectors, groups
from nets.front import vectors_of
from nets.windows import Windows
from slipway.spec import SensorSpec

Doubles = npt.NDArray[np.float64]

RIDGE = 0.02  # of a group's mean variance, added to both sides: no direction is known better than that
CLIP = 4.0  # scales beyond which a vector does not count further in the third moments
CLASS_WINDOWS = 8  # a class with fewer is left out


class Moments(NamedTuple):
    """Of windows in the channels' scale; the first axis, where there is one, is that of the classes.

    Args:
        mean: (channels,).
        total: (channels, channels), covariance over all samples.
        within: (channels, channels), covariance about each window's own mean.
        third: (vectors, 3, 3, 3), third moments of each vector about each window's own mean: they tell a direction
            from its opposite.
    """

    mean: Doubles
    total: Doubles
    within: Doubles
    third: Doubles


class Home(NamedTuple):
    """What the source looks like.

    Args:
        classes: moments of each class.
        shares: (classes,).
        ridges: (2, channels), added to the diagonals of ``total`` and ``within``.
        together: as in ``Channels``.
    """

    classes: Moments
    shares: Doubles
    ridges: Doubles
    together: Doubles


@dataclass(frozen=True, eq=False)
class Channels:
    """How channels are measured.

    Args:
        scale: (channels,).
        vectors: channels of each vector.
        together: (channels, channels), 1 where two channels share a clock: the covariance of others is left out,
            because it tells of a lag as well as of a turn.
    """

    scale: Doubles
    vectors: Vectors
    together: Doubles


def channels_of(sensor: SensorSpec, values: npt.NDArray[np.float32]) -> Channels:
    """Scales are deviations in ``values`` (count, time, channels), one for the three of a vector: it may turn."""
    vectors, together = vectors_of(sensor), np.eye(len(sensor.channels))
    for group in groups(sensor) if sensor.window_length > 1 else (range(len(together)),):
        together[np.ix_(group, group)] = 1
    variance = _grouped(values.var((0, 1), dtype=np.float64), vectors)
    return Channels(np.sqrt(np.where(variance > 0, variance, 1.0)), vectors, together)


def moments(values: npt.NDArray[np.float32], channels: Channels) -> Moments:
    """Of windows (count, time, channels)."""
    scaled = values / channels.scale
    mean = scaled.mean((0, 1))
    middles = scaled.mean(1)
    inside = (scaled - middles[:, None]).reshape(-1, len(mean))
    within = inside.T @ inside / len(inside) * channels.together
    between = (middles - mean).T @ (middles - mean) / len(middles) * channels.together
    third = np.stack([_third(inside, vector) for vector in channels.vectors] or [_NONE])
    return Moments(mean, within + between, within, third)


_NONE = np.zeros((3, 3, 3))


def _third(centred: Doubles, vector: tuple[int, ...]) -> Doubles:
    rows = centred[:, list(vector)]
    rows = rows * np.minimum(1, CLIP / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))
    return np.asarray(np.einsum("ni,nj,nk->ijk", rows, rows, rows, optimize=True) / len(rows))


def home_of(source: Windows, channels: Channels) -> Home:
    """What ``source`` looks like, class by class where its windows are labelled."""
    labels = source.labels if source.labels.ndim == 1 else np.zeros(len(source.values), np.int32)
    parts = [source.values[labels == label] for label in np.unique(labels)]
    parts = [part for part in parts if len(part) >= CLASS_WINDOWS] or [source.values]
    everything = moments(source.values, channels)
    found = [moments(part, channels) for part in parts]
    shares = np.array([len(part) for part in parts], np.float64)
    ridges = RIDGE * np.stack([_grouped(np.diag(m), channels.vectors) for m in everything[1:3]])
    classes = Moments(*(np.stack(column) for column in zip(*found, strict=True)))
    return Home(classes, shares / shares.sum(), np.maximum(ridges, 1e-6), channels.together)


def _grouped(variance: Doubles, vectors: Vectors) -> Doubles:
    found = variance.copy()
    for vector in vectors:
        found[list(vector)] = found[list(vector)].mean()
    return found
