"""The float ONNX graph: one node or two for each step."""

import numpy as np
import onnx

from export import front_steps as f
from export import steps as s
from export.folding import fold
from export.front_onnx import draw_front
from export.graph import Graph, finish
from export.integer import Linear
from nets.model import Model


def float_onnx(model: Model) -> onnx.ModelProto:
    """Write a model as float32 ONNX, opset 21, with a free batch size.

    Raises:
        Refused: a model that cannot be exported, see ``folding.fold``.
    """
    graph = Graph()
    for step in fold(model):
        draw(graph, step)
    if not graph.nodes:
        graph.add("Identity", "identity")
    return finish(graph, model.task, "float")


def draw(graph: Graph, step: s.Step) -> None:
    """Append the nodes of one step."""
    name = step.name
    match step:
        case s.Normalize(_, mean, deviation):
            graph.add("Sub", f"{name}.centred", [graph.constant(f"{name}.mean", mean)])
            graph.add("Div", f"{name}.normalized", [graph.constant(f"{name}.deviation", deviation)])
        case s.Scale(_, scale, shift):
            graph.add("Mul", f"{name}.scaled", [graph.constant(f"{name}.scale", scale)])
            graph.add("Add", f"{name}.shifted", [graph.constant(f"{name}.shift", shift)])
        case s.Transpose():
            graph.add("Transpose", f"{name}.transposed", perm=[0, 2, 1])
        case s.Conv():
            _conv(graph, step)
        case s.LogMel() | f.Delay() | f.Mix() | f.VectorNorms() | f.GravityFrame() | f.Spectrum():
            draw_front(graph, step)
        case s.Dense(_, kernel, bias):
            inputs = [graph.constant(f"{name}.kernel", kernel), graph.constant(f"{name}.bias", bias)]
            graph.add("Gemm", f"{name}.dense", inputs)
        case s.MaxPool(_, size):
            graph.add("MaxPool", f"{name}.pooled", kernel_shape=[size], strides=[size])
        case s.Average():
            graph.add("GlobalAveragePool", f"{name}.averaged")
            graph.add("Flatten", f"{name}.flat", axis=1)
        case s.Flatten():
            graph.add("Flatten", f"{name}.flat", axis=1)
    if isinstance(step, s.Relu) or getattr(step, "relu", False):
        graph.add("Relu", f"{name}.relu")


def wrap(graph: Graph, name: str, pads: tuple[int, int]) -> None:
    """Append a node that pads the last axis of (batch, channels, time) by wrapping around."""
    left, right = pads
    reach = graph.constant(f"{name}.pads", np.array([0, 0, left, 0, 0, right], np.int64))
    graph.add("Pad", f"{name}.wrapped", [reach], mode="wrap")


def _conv(graph: Graph, step: s.Conv) -> None:
    name = step.name
    if step.circular:
        wrap(graph, name, step.pads)
    inputs = [graph.constant(f"{name}.kernel", step.kernel), graph.constant(f"{name}.bias", step.bias)]
    graph.add("Conv", f"{name}.conv", inputs, **conv_attributes(step.kernel.shape[2], step))


def conv_attributes(size: int, step: s.Conv | Linear) -> dict[str, object]:
    """Attributes of the ONNX convolution of ``size`` samples, float or integer, that computes ``step``."""
    return {
        "kernel_shape": [size],
        "pads": [0, 0] if step.circular else list(step.pads),
        "strides": [step.stride],
        "group": step.groups,
    }
