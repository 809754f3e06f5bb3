"""Every integer tensor between a window and its logits, by the name it has in the int8 ONNX file.

Three machines make the same tensors: the integer arithmetic in NumPy (here), the same in JAX (``jax_integer``) and ONNX
Runtime, whose optimisations are off so that nothing is fused away. ``compare`` counts the bytes that differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from export import integer
from export import steps as s
from export.graph import INPUT, OUTPUT
from export.int8 import ENTERED
from export.integer import Bytes, Int8Net, Layer, Linear, Mean
from export.steps import Array, Floats

Tensors = Mapping[str, Array]
_INTEGERS = (onnx.TensorProto.UINT8, onnx.TensorProto.INT8, onnx.TensorProto.INT32)


@dataclass(frozen=True)
class Comparison:
    """How many tensors and bytes were compared, how many of them differ, and the first tensor in which one does."""

    tensors: int
    bytes: int
    differing: int
    first: str | None = None

    def __add__(self, other: "Comparison") -> "Comparison":
        """Both together: the same tensors of further windows."""
        sums = self.bytes + other.bytes, self.differing + other.differing
        return Comparison(max(self.tensors, other.tensors), *sums, self.first or other.first)


def trace(net: Int8Net, values: Floats) -> Tensors:
    """Tensors of windows (batch, time, channels), by the integer arithmetic; logits are the last."""
    return trace_entered(net, net.entry.apply(integer.enter(net.front, values)))


def trace_entered(net: Int8Net, entered: Bytes) -> Tensors:
    """Tensors of the bytes (batch, channels, time) that enter the integer layers."""
    found: dict[str, Array] = {ENTERED: entered}
    value: Array = entered
    for layer in net.layers:
        found |= _inside(layer, value)
        value = integer.apply(layer, value)
        if value.dtype != np.float32:
            found[f"{layer.name}.{suffix(layer)}"] = value
    if net.exit is not None:
        found["exit.flat"] = value = value.reshape(len(value), -1)
        value = net.exit.real(value)
    return found | {OUTPUT: value.reshape(len(value), -1)}


def suffix(layer: Layer) -> str:
    """How the file calls the bytes that leave ``layer``, after the layer's name."""
    match layer:
        case Linear():
            return "conv"
        case Mean():
            return "averaged"
        case s.MaxPool():
            return "pooled"
        case s.Flatten():
            return "flat"
        case s.Transpose():
            return "transposed"


def _inside(layer: Layer, values: Bytes) -> dict[str, Array]:
    """What the file holds between the bytes that enter a layer and those that leave it."""
    found: dict[str, Array] = {}
    match layer:
        case Linear(name=name):
            if layer.circular:
                found[f"{name}.wrapped"] = s.pad(values, layer.pads, True)
            if layer.target is None:
                sums = integer.sums(layer, values)
                found[f"{name}.sums"] = sums - layer.bias[:, None]
                found[f"{name}.biased"] = sums
                found[f"{name}.flat"] = sums.reshape(len(sums), -1)
        case Mean(name, length, source, None):
            sums = values.astype(np.int32).sum(axis=2, keepdims=True, dtype=np.int32) - length * source.zero
            found[f"{name}.sums"] = sums
            found[f"{name}.flat"] = sums.reshape(len(sums), -1)
    return found


def trace_graph(graph: bytes, values: Floats) -> Tensors:
    """Every integer tensor of an ONNX file, and its logits, by ONNX Runtime on one thread.

    Args:
        graph: reads ``window``.
        values: windows (batch, time, channels).
    """
    return Tracer(graph)(values)


class Tracer:
    """An ONNX file whose every integer tensor can be seen; made once for many windows."""

    def __init__(self, graph: bytes) -> None:
        model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(graph))
        inside = [value for value in model.graph.value_info if value.type.tensor_type.elem_type in _INTEGERS]
        model.graph.output.extend(inside)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.names = [value.name for value in model.graph.output]
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, values: Floats) -> Tensors:
        """Tensors of windows (batch, time, channels)."""
        return dict(zip(self.names, self._session.run(self.names, {INPUT: values}), strict=True))


def compare(found: Tensors, wanted: Tensors) -> Comparison:
    """Byte by byte; a tensor that only one side has differs in all of its bytes."""
    names = sorted(found.keys() | wanted.keys())
    pairs = [(name, found.get(name), wanted.get(name)) for name in names]
    wrong = {name: _differing(one, other) for name, one, other in pairs}
    sizes = [max(part.nbytes for part in (one, other) if part is not None) for _, one, other in pairs]
    order = [*(name for name in [*found, *names] if name != OUTPUT), OUTPUT]  # as the net goes
    return Comparison(
        len(names), sum(sizes), sum(wrong.values()), next((name for name in order if wrong.get(name)), None)
    )


def _differing(one: Array | None, other: Array | None) -> int:
    if one is None or other is None or one.shape != other.shape or one.dtype != other.dtype:
        return max(part.nbytes for part in (one, other) if part is not None)
    first, second = (np.ascontiguousarray(part).view(np.uint8) for part in (one, other))
    return int((first != second).sum())
