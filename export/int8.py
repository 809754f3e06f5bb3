"""The int8 ONNX graph: U8S8 in the QOperator form, weights per channel, standard operators only.

Convolutions, dense layers and scalings are ``QLinearConv`` (a dense layer is one of size 1, so that its bias stays in
32 bits); the mean over time is a ``QLinearMatMul`` with a column of ones; the last layer leaves its sums through
``ConvInteger`` and ``DequantizeLinear``, so that close logits are not tied by a last rounding.
"""

import numpy as np
import onnx

from export import integer
from export import steps as s
from export.exact_mel import exact_mel
from export.exact_mel_onnx import draw_exact_mel
from export.float_onnx import conv_attributes, draw, wrap
from export.graph import Graph, finish
from export.integer import Grid, Int8Net, Linear, Mean
from export.steps import Floats
from slipway.spec import TaskSpec

ENTERED = "entry.bytes"  # what the integer layers read


def int8_onnx(net: Int8Net, task: TaskSpec) -> onnx.ModelProto:
    """Write an int8 net as ONNX, opset 21, with a free batch size."""
    graph = Graph()
    for step in net.front:
        _draw_front(graph, step, task)
    if any(isinstance(step, s.Flatten) for step in net.front):
        _reshape(graph, "entry.column")
    source = _enter(graph, net)
    for layer in net.layers:
        source = _draw(graph, layer, source)
    if net.exit is not None:
        graph.add("Flatten", "exit.flat", axis=1)
        graph.add("DequantizeLinear", "exit.real", source)
    return finish(graph, task, "int8")


def _draw_front(graph: Graph, step: s.Step, task: TaskSpec) -> None:
    if isinstance(step, s.LogMel):
        draw_exact_mel(graph, exact_mel(step), task.sensor.window_length)
    else:
        draw(graph, step)


def _enter(graph: Graph, net: Int8Net) -> list[str]:
    copies, first = net.entry.copies, net.layers[0] if net.layers else None
    if copies > 1 and isinstance(first, Linear):
        channels = first.weights.shape[1] * first.groups // copies
        copied = graph.constant("entry.copied", np.repeat(np.arange(channels), copies))
        graph.add("Gather", "entry.copies", [copied], axis=1)
        offsets = graph.constant("entry.offsets", np.tile(net.entry.offsets, channels)[:, None])
        graph.add("Add", "entry.shifted", [offsets])
    source = _grid(graph, "entry", net.entry.grid)
    graph.add("QuantizeLinear", ENTERED, source)
    return source


def _draw(graph: Graph, layer: integer.Layer, source: list[str]) -> list[str]:
    """Append one layer; return the names of the grid its bytes lie on."""
    match layer:
        case Linear():
            return _linear(graph, layer, source)
        case Mean():
            return _mean(graph, layer, source)
        case s.Flatten(name):
            _reshape(graph, f"{name}.flat")
        case _:
            draw(graph, layer)
    return source


def _linear(graph: Graph, layer: Linear, source: list[str]) -> list[str]:
    name, attributes = layer.name, conv_attributes(layer.weights.shape[2], layer)
    if layer.circular:
        wrap(graph, name, layer.pads)
    weights = graph.constant(f"{name}.weights", layer.weights)
    if layer.target is None:
        graph.add("ConvInteger", f"{name}.sums", [weights, source[1]], **attributes)
        graph.add("Add", f"{name}.biased", [graph.constant(f"{name}.bias", layer.bias[:, None])])
        return _leave(graph, name, integer.product(layer.source, layer.weight_scale))
    target = _grid(graph, name, layer.target)
    scale = graph.constant(f"{name}.weight_scale", layer.weight_scale)
    zero = graph.constant(f"{name}.weight_zero", np.zeros(len(layer.weights), np.int8))
    bias = graph.constant(f"{name}.bias", layer.bias)
    graph.add("QLinearConv", f"{name}.conv", [*source, weights, scale, zero, *target, bias], **attributes)
    return target


def _mean(graph: Graph, layer: Mean, source: list[str]) -> list[str]:
    name, share = layer.name, 1 / np.float32(layer.length)
    ones = graph.constant(f"{name}.ones", np.ones((layer.length, 1), np.int8))
    if layer.target is None:
        graph.add("MatMulInteger", f"{name}.sums", [ones, source[1]])
        return _leave(graph, name, integer.product(layer.source, share))
    target = _grid(graph, name, layer.target)
    shared = [graph.constant(f"{name}.share", share), graph.constant(f"{name}.share_zero", np.int8(0))]
    graph.add("QLinearMatMul", f"{name}.averaged", [*source, ones, *shared, *target])
    return target


def _leave(graph: Graph, name: str, unit: Floats) -> list[str]:
    graph.add("Flatten", f"{name}.flat", axis=1)
    scale = graph.constant(f"{name}.unit", unit)
    graph.add("DequantizeLinear", f"{name}.real", [scale], axis=1)
    return []


def _grid(graph: Graph, name: str, grid: Grid) -> list[str]:
    return [graph.constant(f"{name}.scale", grid.scale), graph.constant(f"{name}.zero", np.uint8(grid.zero))]


def _reshape(graph: Graph, name: str) -> None:
    """(batch, …) → (batch, numbers, 1)."""
    graph.add("Reshape", name, [graph.constant(f"{name}.shape", np.array([0, -1, 1], np.int64))])
