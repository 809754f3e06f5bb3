"""What is left of a network at inference, as a short list of array operations, and what they compute in float32.

A step knows the memory layout it works on, so that no backend has to think about it: values are (batch, time,
channels) up to the first ``Transpose``, (batch, channels, time) after it, (batch, channels) once flat or averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from export import front_steps
from export.front_steps import FrontStep
from nets.mel import POWER_FLOOR

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Normalize:
    """(x - mean) / deviation; both broadcast against the layout: (C,) or (C, 1)."""

    name: str
    mean: Floats
    deviation: Floats


@dataclass(frozen=True, eq=False)
class Scale:
    """x * scale + shift: a batch normalisation that no convolution could absorb. Arrays as in ``Normalize``."""

    name: str
    scale: Floats
    shift: Floats
    relu: bool = False


@dataclass(frozen=True)
class Relu:
    """max(x, 0), where no step before it could take it over."""

    name: str


@dataclass(frozen=True)
class Transpose:
    """(batch, a, b) → (batch, b, a)."""

    name: str


@dataclass(frozen=True, eq=False)
class Conv:
    """Convolution over the last axis. Kernel (features, channels / groups, size); ``pads`` (left, right) in samples."""

    name: str
    kernel: Floats
    bias: Floats  # (features,)
    stride: int
    groups: int
    pads: tuple[int, int]
    circular: bool
    relu: bool = False


@dataclass(frozen=True, eq=False)
class LogMel:
    """(batch, 1, time) → (batch, bands, frames): ln(p / mean(p) + floor) of the band powers p; see ``nets.layers``."""

    name: str
    waves: Floats  # (2 * bins, 1, frame)
    bands: Floats  # (bands, 2 * bins, 1)
    hop: int
    floor: float


@dataclass(frozen=True, eq=False)
class Dense:
    """x @ kernel + bias. ``kernel`` (channels, features)."""

    name: str
    kernel: Floats
    bias: Floats  # (features,)
    relu: bool = False


@dataclass(frozen=True)
class MaxPool:
    """Maximum over ``size`` samples, one every ``size``; a rest is dropped."""

    name: str
    size: int


@dataclass(frozen=True)
class Average:
    """(batch, channels, time) → (batch, channels), the mean over ``length`` samples."""

    name: str
    length: int
    relu: bool = False


@dataclass(frozen=True)
class Flatten:
    """(batch, a, b) → (batch, a * b)."""

    name: str


Step = Normalize | Scale | Relu | Transpose | Conv | LogMel | FrontStep | Dense | MaxPool | Average | Flatten
Steps = tuple[Step, ...]
INEXACT = (LogMel, *get_args(FrontStep))  # in float, two libraries agree on these to the last bits only


def pad(values: Array, pads: tuple[int, int], circular: bool, fill: float = 0) -> Array:
    """Lengthen the last axis of (batch, channels, time) by ``pads``, with ``fill`` or by wrapping around."""
    if pads == (0, 0):
        return values
    width = ((0, 0), (0, 0), pads)
    return np.pad(values, width, mode="wrap") if circular else np.pad(values, width, constant_values=fill)


def patches(values: Array, size: int, stride: int, groups: int) -> Array:
    """What each output of a convolution sees.

    Args:
        values: (batch, channels, time).

    Returns:
        (groups, batch * outputs, channels / groups * size).
    """
    batch, channels, _ = values.shape
    seen = np.lib.stride_tricks.sliding_window_view(values, size, axis=2)[:, :, ::stride]
    seen = seen.reshape(batch, groups, channels // groups, -1, size).transpose(1, 0, 3, 2, 4)
    return seen.reshape(groups, -1, channels // groups * size)


def convolve(values: Array, kernel: Array, stride: int, groups: int) -> Array:
    """Convolution without padding as a matrix product: (batch, channels, time) → (batch, features, outputs)."""
    batch, features = len(values), len(kernel)
    seen = patches(values, kernel.shape[2], stride, groups)
    weights = kernel.reshape(groups, features // groups, -1).transpose(0, 2, 1)
    found: Array = (seen @ weights).reshape(groups, batch, -1, features // groups)
    return found.transpose(1, 0, 3, 2).reshape(batch, features, -1)


def apply(step: Step, values: Floats) -> Floats:
    """What ``step`` makes of a batch, in float32."""
    match step:
        case Normalize(_, mean, deviation):
            return (values - mean) / deviation
        case Scale(_, scale, shift):
            found: Array = values * scale + shift
        case Relu():
            return np.maximum(values, 0)
        case Transpose():
            return values.transpose(0, 2, 1)
        case Conv():
            padded = pad(values, step.pads, step.circular)
            found = convolve(padded, step.kernel, step.stride, step.groups) + step.bias[:, None]
        case LogMel():
            return _log_mel(step, values)
        case front_steps.Delay() | front_steps.Mix() | front_steps.VectorNorms():
            return front_steps.apply(step, values)
        case front_steps.GravityFrame() | front_steps.Spectrum():
            return front_steps.apply(step, values)
        case Dense(_, kernel, bias):
            found = values @ kernel + bias
        case MaxPool(_, size):
            kept = values[:, :, : values.shape[2] // size * size]
            return np.asarray(kept.reshape(*values.shape[:2], -1, size).max(axis=3))
        case Average():
            found = values.mean(axis=2)
        case Flatten():
            return values.reshape(len(values), -1)
    return np.maximum(found, 0) if step.relu else found


def _log_mel(step: LogMel, values: Floats) -> Floats:
    power = convolve(np.square(convolve(values, step.waves, step.hop, 1)), step.bands, 1, 1)
    share = power / (power.mean(axis=(1, 2), keepdims=True) + np.float32(POWER_FLOOR))
    return np.asarray(np.log(share + np.float32(step.floor)))


def run(steps: Sequence[Step], values: Floats) -> Floats:
    """What all ``steps`` make of a batch, in float32."""
    for step in steps:
        values = apply(step, values)
    return values
