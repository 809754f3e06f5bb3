"""One step of a net as an integer layer: weights rounded together, the bias that makes the mean sum right."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from export import integer
from export import steps as s
from export.integer import Bytes, Grid, Linear
from export.rounding import round_weights, weight_scale
from export.steps import Floats

ROW_LIMIT = 16_384  # rows that weights are rounded over
Summing = s.Conv | s.Dense | s.Scale | s.Average  # what rounds its result to a new grid
_SCALE_FLOOR = 1e-12
_BIAS_UNITS = 2.0**24  # a bias needs no more units than float32 can tell apart


def rounded_layer(
    step: Summing, copies: int, source: Grid, target: Grid | None, seen: Bytes, wanted: Floats
) -> integer.Layer:
    """The integer layer of ``step``.

    Args:
        step: in float.
        copies: how often each channel of the input is there.
        source: the grid its input lies on.
        target: the grid its result is rounded to, or None at the end of a net.
        seen: input bytes (batch, channels * copies, time) of real windows.
        wanted: what the step makes of these windows in float, before its ReLU.

    Raises:
        Refused: ACCUMULATOR_OVERFLOW.
    """
    if isinstance(step, s.Average):
        return integer.Mean(step.name, step.length, source, target)
    return _linear(_as_conv(step, copies), source, target, seen, wanted)


def _as_conv(step: s.Conv | s.Dense | s.Scale, copies: int) -> s.Conv:
    match step:
        case s.Dense(name, kernel, bias):
            conv = s.Conv(name, kernel.T[:, :, None], bias, 1, 1, (0, 0), False)
        case s.Scale(name, scale, shift):
            conv = s.Conv(name, scale.reshape(-1, 1, 1), shift.ravel(), 1, scale.size, (0, 0), False)
        case _:
            conv = step
    return replace(conv, kernel=np.repeat(conv.kernel, copies, axis=1) / np.float32(copies))


def _linear(conv: s.Conv, source: Grid, target: Grid | None, seen: Bytes, wanted: Floats) -> Linear:
    features = len(conv.kernel)
    weights = conv.kernel.reshape(conv.groups, features // conv.groups, -1).transpose(0, 2, 1).astype(np.float64)
    floor = np.maximum(np.abs(conv.bias) / (np.float64(source.scale) * _BIAS_UNITS), _SCALE_FLOOR)
    floor = floor.reshape(conv.groups, -1)
    scale = np.stack([weight_scale(*pair) for pair in zip(weights, floor, strict=True)])
    nearest = np.rint(weights / scale[:, None]).transpose(0, 2, 1).reshape(conv.kernel.shape).astype(np.int8)
    layer = Linear(
        name=conv.name,
        weights=nearest,
        weight_scale=scale.ravel(),
        bias=np.zeros(features, np.int32),
        stride=conv.stride,
        groups=conv.groups,
        pads=conv.pads,
        circular=conv.circular,
        source=source,
        target=target,
    )
    integer.check_accumulator(conv.name, integer.reach(layer))  # before the long work
    inputs = _inputs(conv, source, seen)
    rounded = np.stack([round_weights(*group) for group in zip(weights, scale, inputs, strict=True)])
    layer = replace(layer, weights=np.ascontiguousarray(rounded.transpose(0, 2, 1)).reshape(conv.kernel.shape))
    bias = _bias(layer, seen, wanted)
    integer.check_accumulator(conv.name, integer.reach(layer) + int(np.abs(bias).max()))
    return replace(layer, bias=bias.astype(np.int32))


def _inputs(conv: s.Conv, source: Grid, seen: Bytes) -> Floats:
    padded = s.pad(seen, conv.pads, conv.circular, source.zero).astype(np.float32) - source.zero
    rows = s.patches(padded, conv.kernel.shape[2], conv.stride, conv.groups)
    return rows[:, :: -(-rows.shape[1] // ROW_LIMIT)]


def _bias(layer: Linear, seen: Bytes, wanted: Floats) -> npt.NDArray[np.int64]:
    """Bias in accumulator units: what the rounded sums lack on average (bias correction, Nagel et al. 2019)."""
    unit = integer.product(layer.source, layer.weight_scale).astype(np.float64)
    sums = integer.sums(layer, seen).mean(axis=(0, 2), dtype=np.float64)
    real = wanted.reshape(len(wanted), len(unit), -1).mean(axis=(0, 2), dtype=np.float64)
    return np.asarray(np.rint(real / unit - sums), np.int64)
