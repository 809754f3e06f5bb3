"""The int8 net: unsigned 8-bit activations, signed weights of at most 64, and exactly what it computes.

This arithmetic is the reference. ONNX Runtime must give the same numbers, byte for byte; so must generated code.
Weights stay within ±64 because x86 processors without VNNI add pairs of products in 16 bits: 2 · 255 · 64 < 2¹⁵.
Reference: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", for the scheme; the requantisation in float32, half to even, is ONNX Runtime's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from export import exact_mel
from export import steps as s
from export.steps import Array, Floats, Steps
from slipway.errors import Reason, Refused

Bytes = npt.NDArray[np.uint8]
ACCUMULATOR_LIMIT = 2**31 - 1
WEIGHT_LIMIT = 64
_EXACT_IN_FLOAT32 = 2**24


@dataclass(frozen=True)
class Grid:
    """The real number of byte q is (q - zero) * scale; ``scale`` is a float32 value."""

    scale: np.float32
    zero: int

    def quantize(self, values: Floats) -> Bytes:
        """The nearest byte, half to even, as ONNX's QuantizeLinear."""
        rounded = np.rint(values / self.scale) + np.float32(self.zero)
        return np.asarray(np.clip(rounded, 0, 255), np.uint8)

    def real(self, values: Bytes) -> Floats:
        """The real numbers of bytes, as ONNX's DequantizeLinear."""
        return (values.astype(np.int32) - self.zero).astype(np.float32) * self.scale


@dataclass(frozen=True)
class Entry:
    """From float (batch, channels, time) to bytes (batch, channels * copies, time).

    Each channel is read ``copies`` times, shifted by a fraction of a step: together the copies hold what one byte
    cannot, and their weights round to a finer whole (dither; Roberts 1962).
    """

    grid: Grid
    copies: int = 1

    @property
    def offsets(self) -> Floats:
        """(copies,), what is added to each copy before it is rounded."""
        places = (np.arange(self.copies) - (self.copies - 1) / 2) / self.copies
        return np.asarray(places * self.grid.scale, np.float32)

    def apply(self, values: Floats) -> Bytes:
        """Bytes of a batch."""
        batch, channels, time = values.shape
        copies = values[:, :, None, :] + self.offsets[:, None] if self.copies > 1 else values
        return self.grid.quantize(copies.reshape(batch, channels * self.copies, time))


@dataclass(frozen=True, eq=False)
class Linear:
    """A convolution, a dense layer (size 1) or a scaling (size 1, one group a channel) in integers.

    ``target`` is None at the end of a net: the sums then leave as float32 logits, without a last rounding to bytes.
    """

    name: str
    weights: npt.NDArray[np.int8]  # (features, channels / groups, size)
    weight_scale: Floats  # (features,)
    bias: npt.NDArray[np.int32]  # (features,), in units of source.scale * weight_scale
    stride: int
    groups: int
    pads: tuple[int, int]
    circular: bool
    source: Grid
    target: Grid | None


@dataclass(frozen=True)
class Mean:
    """The mean over time: sums with weights of one, and 1 / length in the scale. ``target`` as in ``Linear``."""

    name: str
    length: int
    source: Grid
    target: Grid | None


Layer = Linear | Mean | s.MaxPool | s.Flatten | s.Transpose


@dataclass(frozen=True)
class Int8Net:
    """An int8 net: float steps in ``front``, ``entry`` to bytes, integer ``layers``; the last grid, if bytes leave.

    Args:
        front: steps in float: normalisation and layout, which are exact, or ``steps.INEXACT`` to the last bits; of
            these a ``LogMel`` is computed as ``export.exact_mel`` does, to the bit.
        exit: how to read the last bytes; None if the last layer gives float32 itself.
    """

    front: Steps
    entry: Entry
    layers: tuple[Layer, ...]
    exit: Grid | None = field(default=None)


def product(source: Grid, weight_scale: npt.ArrayLike) -> Floats:
    """What one unit of an accumulator is worth, rounded to float32."""
    return np.asarray(np.float32(source.scale) * np.asarray(weight_scale, np.float32), np.float32)


def requantize(sums: npt.NDArray[np.int32], unit: Floats, target: Grid) -> Bytes:
    """Bytes on ``target`` of accumulators worth ``unit`` each: every operation in float32, half to even."""
    low, high = np.float32(-target.zero), np.float32(255 - target.zero)
    scaled = np.clip(sums.astype(np.float32) * (unit / target.scale), low, high)
    return np.asarray(np.rint(scaled).astype(np.int32) + target.zero, np.uint8)


def reach(layer: Linear) -> int:
    """The largest magnitude any accumulator of ``layer`` can take."""
    widest = max(layer.source.zero, 255 - layer.source.zero)
    weights = np.abs(layer.weights.astype(np.int64)).sum(axis=(1, 2))
    return int((weights * widest + np.abs(layer.bias.astype(np.int64))).max())


def check_accumulator(name: str, bound: int) -> None:
    """Refuse a layer whose sums may leave 32 bits.

    Raises:
        Refused: ACCUMULATOR_OVERFLOW.
    """
    if bound > ACCUMULATOR_LIMIT:
        raise Refused(Reason.ACCUMULATOR_OVERFLOW, field=f"layers.{name}", found=bound, limit=ACCUMULATOR_LIMIT)


def sums(layer: Linear, values: Bytes) -> npt.NDArray[np.int32]:
    """Accumulators of a batch. Float32 products are exact below 2²⁴ and much faster than integer ones."""
    kind = np.float32 if reach(layer) < _EXACT_IN_FLOAT32 else np.float64
    padded = s.pad(values, layer.pads, layer.circular, layer.source.zero).astype(kind)
    found = s.convolve(padded - layer.source.zero, layer.weights.astype(kind), layer.stride, layer.groups)
    return found.astype(np.int32) + layer.bias[:, None]


def apply(layer: Layer, values: Array) -> Array:
    """What ``layer`` makes of bytes (batch, channels, time): bytes, or float32 logits at the end of a net."""
    match layer:
        case Linear():
            return _leave(sums(layer, values), product(layer.source, layer.weight_scale)[:, None], layer.target)
        case Mean(_, length, source, target):
            total = values.astype(np.int32).sum(axis=2, keepdims=True, dtype=np.int32) - length * source.zero
            return _leave(total, product(source, 1 / np.float32(length)), target)
        case s.Flatten():
            return values.reshape(len(values), -1, 1)
        case _:
            return s.apply(layer, values)


def _leave(sums: npt.NDArray[np.int32], unit: Floats, target: Grid | None) -> Array:
    return sums.astype(np.float32) * unit if target is None else requantize(sums, unit, target)


def is_exact(front: Sequence[s.Step]) -> bool:
    """Whether every machine makes the same bits of ``front``, the float steps of an int8 net."""
    return not any(isinstance(step, s.INEXACT) and not isinstance(step, s.LogMel) for step in front)


def enter(front: Sequence[s.Step], values: Floats) -> Floats:
    """The float values (batch, channels, time) that an int8 net rounds to bytes first."""
    found = run_front(front, values)
    return found if found.ndim == 3 else found[:, :, None]


def run_front(front: Sequence[s.Step], values: Floats) -> Floats:
    """What the steps in front of an int8 net make of windows (batch, time, channels), in float32."""
    for step in front:
        exact = isinstance(step, s.LogMel)
        values = exact_mel.apply(exact_mel.exact_mel(step), values) if exact else s.apply(step, values)
    return values


def logits(net: Int8Net, values: Floats, chunk: int = 256) -> Floats:
    """Logits (batch, classes) of windows (batch, time, channels), exactly as the exported file computes them."""
    return np.concatenate([_logits(net, values[at : at + chunk]) for at in range(0, len(values), chunk)])


def _logits(net: Int8Net, values: Floats) -> Floats:
    return after(net, net.entry.apply(enter(net.front, values)))


def after(net: Int8Net, entered: Bytes) -> Floats:
    """Logits (batch, classes) of the bytes (batch, channels, time) that enter the integer layers."""
    found: Array = entered
    for layer in net.layers:
        found = apply(layer, found)
    flat = found.reshape(len(found), -1)
    return flat if net.exit is None else net.exit.real(flat)
