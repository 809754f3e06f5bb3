"""An int8 net as TensorFlow operations on its own grids, which the converter turns into LiteRT's integer operators.

Weights, scales and zero points are those of every other export: a rounded weight is written in float with the grid it
lies on, and the converter finds the same byte again. What differs is the requantisation: LiteRT multiplies by a
fixed-point number and rounds twice where ONNX Runtime rounds once, so that a byte may differ by one. It also has no
integer layer that leaves its sums: the last one either becomes bytes as well, or reads the bytes as floats.

Reference: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference".
"""

from dataclasses import replace
from typing import Any

import numpy as np

from export import integer, ranges
from export import steps as s
from export.integer import Entry, Grid, Int8Net, Linear, Mean
from export.litert.steps import Values, convolved, draw, flattened, kernel_of
from export.litert.tensorflow import tensorflow
from export.steps import Floats

WEIGHT_STEPS = 127  # a weight's grid in LiteRT: -127 … 127 times its scale


def leaving(net: Int8Net, values: Floats) -> Grid:
    """The grid on which the last layer's answers leave as bytes: its own, or one over all it answers to ``values``.

    Nothing is cut off: the largest logit is the one that decides.
    """
    if net.exit is not None:
        return net.exit
    found = integer.logits(net, values)
    return ranges.grid(float(found.min()), float(found.max()))


def enter(entry: Entry, values: Values) -> Values:
    """Float values on the grid of the integer layers, each channel as often as they read it."""
    if len(values.tensor.shape) == 2:
        values = _column(values)
    tensor, order, copies = values.on_channels_last(), values.order, entry.copies
    if copies > 1:
        channels = tensor.shape[3]
        copied = tensorflow().gather(tensor, np.repeat(np.arange(channels, dtype=np.int32), copies), axis=3)
        tensor = copied + np.tile(entry.offsets, channels)
        order = None if order is None else (order[:, None] * copies + np.arange(copies)).ravel()
    return Values(on_grid(tensor, entry.grid), True, order)


def draw_layer(layer: integer.Layer, values: Values, leaves: Grid | None) -> Values:
    """What an integer layer makes of values on its source's grid.

    Args:
        layer: of the net.
        values: as the layer before left them.
        leaves: the grid of the last layer, which has none of its own; without it that layer computes in float.
    """
    match layer:
        case Linear():
            return _linear(layer, values, layer.target or leaves)
        case Mean():
            mean = tensorflow().reduce_mean(values.on_channels_last(), (1, 2), keepdims=True)
            return Values(_left(mean, layer.target or leaves), True)
        case s.Flatten():
            return _column(flattened(values))
        case _:
            return draw(layer, values)


def on_grid(tensor: Any, grid: Grid) -> Any:
    """``tensor`` rounded to a grid, and marked so that the converter keeps it."""
    low, high = (float((end - grid.zero) * np.float64(grid.scale)) for end in (0, 255))
    return tensorflow().quantization.fake_quant_with_min_max_args(tensor, low, high, num_bits=8)


def _linear(layer: Linear, values: Values, target: Grid | None) -> Values:
    tensor = values.on_channels_last()
    layer, order = _ordered(layer, values.order, tensor.shape[3])
    sums = convolved(tensor, _weights(layer, target is not None), layer) + layer.bias * _unit(layer)
    return Values(_left(sums, target), True, order)


def _weights(layer: Linear, integers: bool) -> Any:
    """The weights in float as ``kernel_of`` lays them; for ``integers`` marked with the grid of each feature."""
    tf, reach = tensorflow(), np.float32(WEIGHT_STEPS) * layer.weight_scale
    kernel = kernel_of((layer.weights * layer.weight_scale[:, None, None]).astype(np.float32), layer.groups)
    if not integers:
        return kernel
    depthwise = kernel.shape[3] != len(reach)  # its grids lie on two axes, unless it is laid as LiteRT will lay it
    laid = kernel.reshape(1, 1, -1, len(reach)) if depthwise else kernel
    marked = tf.quantization.fake_quant_with_min_max_vars_per_channel(laid, -reach, reach, narrow_range=True)
    return tf.reshape(marked, kernel.shape)


def _left(values: Any, target: Grid | None) -> Any:
    return values if target is None else on_grid(values, target)


def _unit(layer: Linear) -> s.Floats:
    return integer.product(layer.source, layer.weight_scale)


def _ordered(layer: Linear, order: s.Array | None, channels: int) -> tuple[Linear, s.Array | None]:
    """The layer for flat numbers in another order, and the order that is left after it."""
    if order is None:
        return layer, None
    if layer.groups == 1:
        return replace(layer, weights=layer.weights[:, order]), None
    assert layer.groups == channels == len(layer.weights), "what scales a flattened tensor does so number by number"
    moved = replace(layer, weights=layer.weights[order], weight_scale=layer.weight_scale[order], bias=layer.bias[order])
    return moved, order


def _column(values: Values) -> Values:
    """(1, numbers) → (1, 1, 1, numbers): integer layers count a flat tensor's numbers as channels."""
    return Values(tensorflow().reshape(values.tensor, (1, 1, 1, -1)), True, values.order)
