"""The steps of the front layers in float, on (batch, channels, time): what they are and what they compute.

They stand in front of an int8 net as they do in front of a float one. Two libraries agree on their sums and roots to
the last bits only, not to the bit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nets.front_records import LEAST_GRAVITY, Vectors

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Delay:
    """x(t - delay) on straight lines between the samples, the ends held. ``delay`` (C,) in samples."""

    name: str
    delay: Floats


@dataclass(frozen=True, eq=False)
class Mix:
    """kernel @ x + offset at every sample. ``kernel`` (C, C), ``offset`` (C,)."""

    name: str
    kernel: Floats
    offset: Floats


@dataclass(frozen=True)
class VectorNorms:
    """The norm of each vector, then the ``others``: channels in no vector."""

    name: str
    vectors: Vectors
    others: tuple[int, ...]


@dataclass(frozen=True)
class GravityFrame:
    """Each vector along the mean of the ``gravity`` one, then across it, then the ``others``."""

    name: str
    vectors: Vectors
    gravity: int
    others: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """(batch, C, time) → (batch, C * bins, frames): ln(power + floor) without the window's mean."""

    name: str
    waves: Floats  # (2 * frequencies, 1, frame)
    bins: Floats  # (bins, 2 * frequencies, 1)
    hop: int
    floor: float
    channels: int
    time: int  # samples of a window

    @property
    def frames(self) -> int:
        """How many fit a window."""
        return int((self.time - self.waves.shape[2]) // self.hop) + 1


FrontStep = Delay | Mix | VectorNorms | GravityFrame | Spectrum


def apply(step: FrontStep, values: Floats) -> Floats:
    """What ``step`` makes of a batch (batch, channels, time), in float32."""
    match step:
        case Delay(_, delay):
            found: npt.NDArray[Any] = _delayed(values, delay)
        case Mix(_, kernel, offset):
            found = kernel @ values + offset[:, None]
        case VectorNorms(_, vectors, others):
            found = np.concatenate([*(_norm(values[:, list(v)]) for v in vectors), values[:, list(others)]], axis=1)
        case GravityFrame():
            found = _gravity_frame(step, values)
        case Spectrum():
            found = _spectrum(step, values)
    return np.asarray(found, np.float32)


def _delayed(values: Floats, delay: Floats) -> Floats:
    last = values.shape[2] - 1
    place = np.clip(np.arange(last + 1, dtype=np.float32) - delay[:, None], 0, last)
    before = np.floor(place).astype(np.int64)
    share = (place - before).astype(np.float32)
    start = np.take_along_axis(values, before[None], axis=2)
    end = np.take_along_axis(values, np.minimum(before + 1, last)[None], axis=2)
    return start + share * (end - start)


def _gravity_frame(step: GravityFrame, values: Floats) -> Floats:
    mean = values[:, list(step.vectors[step.gravity])].mean(axis=2, keepdims=True)
    down = mean / np.maximum(_norm(mean), np.float32(LEAST_GRAVITY))
    vectors = [values[:, list(vector)] for vector in step.vectors]
    along = [(vector * down).sum(axis=1, keepdims=True) for vector in vectors]
    across = [_norm(vector - part * down) for vector, part in zip(vectors, along, strict=True)]
    return np.concatenate([*along, *across, values[:, list(step.others)]], axis=1)


def _spectrum(step: Spectrum, values: Floats) -> Floats:
    centred = values - values.mean(axis=2, keepdims=True)
    frames = np.lib.stride_tricks.sliding_window_view(centred, step.waves.shape[2], axis=2)[:, :, :: step.hop]
    power = np.square(frames @ step.waves[:, 0].T) @ step.bins[:, :, 0].T  # (batch, C, frames, bins)
    found = np.log(power + np.float32(step.floor)).swapaxes(2, 3)
    return np.asarray(found.reshape(len(values), -1, frames.shape[2]))


def _norm(values: Floats) -> Floats:
    return np.asarray(np.sqrt(np.square(values).sum(axis=1, keepdims=True)))
