"""A float graph as one chain of nodes, and how the numbers lie in its memory while it is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from export.graph import INPUT, OUTPUT
from export.steps import Array, Floats
from nets import layers as records
from nets.layers import ChannelsAsTime, Layer


class Unlike(Exception):
    """A node that no layer describes."""

    def __init__(self, node: onnx.NodeProto, problem: str) -> None:
        super().__init__(f"node {node.name or node.output[0]} ({node.op_type}): {problem}")


@dataclass(frozen=True)
class Node:
    """One link of the chain: the node, the constants it reads, its attributes."""

    proto: onnx.NodeProto
    constants: tuple[Array | None, ...]  # None where the chain itself enters
    options: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return self.proto.op_type


@dataclass
class Read:
    """What was read so far, and how the numbers lie in the graph's memory after it."""

    shape: records.Shape
    layers: list[tuple[Layer, dict[str, Floats]]] = field(default_factory=list)
    time_last: bool = False
    column: bool = False  # (batch, channels, 1) where the records say (channels,)
    order: Array | None = None  # where a flattened number lies for the records, if not where it lies in the graph

    def add(self, layer: Layer, **arrays: Array) -> None:
        self.layers.append((layer, {name: np.asarray(array, np.float32) for name, array in arrays.items()}))
        self.shape = records.output_shape(layer, self.shape)


def chain_of(model: onnx.ModelProto) -> list[Node]:
    """The nodes between ``window`` and ``logits``, constants beside those that read them.

    Raises:
        Unlike: the graph has branches.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    found: list[Node] = []
    last = INPUT
    for node in model.graph.node:
        options = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant(node, options)
            continue
        read = [name for name in node.input if name and name not in constants]
        if read != [last]:
            raise Unlike(node, f"reads {read}, where one chain would read {last}")
        found.append(Node(node, tuple(constants.get(name) for name in node.input), options))
        last = node.output[0]
    if last != OUTPUT or not found:
        raise Unlike(model.graph.node[-1], "the chain does not end in the logits")
    return found


def _constant(node: onnx.NodeProto, options: Mapping[str, Any]) -> Array:
    (kind, value), *_ = options.items()
    if kind == "value":
        return numpy_helper.to_array(value)
    if kind in ("value_float", "value_floats", "value_int", "value_ints"):
        return np.asarray(value, np.float32 if "float" in kind else np.int64)
    raise Unlike(node, "holds no numbers")


def per_channel(read: Read, node: Node) -> Floats:
    """The constant of an elementwise node, one number a channel in the records' order."""
    constant = next((one for one in node.constants if one is not None), None)
    if constant is None or constant.dtype != np.float32:
        raise Unlike(node.proto, "needs a float constant")
    memory = (
        (*read.shape, 1) if read.column else read.shape[::-1] if read.time_last and not is_flat(read) else read.shape
    )
    try:
        whole = np.broadcast_to(constant, (1, *memory))[0]
    except ValueError:
        raise Unlike(node.proto, f"its constant {constant.shape} does not fit {memory}") from None
    if is_flat(read):
        return to_records(read, whole.reshape(-1))
    over = 1 if read.time_last else 0
    found = whole.take(0, axis=over)
    if not (whole == np.expand_dims(found, over)).all():
        raise Unlike(node.proto, "its constant differs over time")
    return np.ascontiguousarray(found)


def is_flat(read: Read) -> bool:
    """Whether time is gone."""
    return len(read.shape) == 1


def to_records(read: Read, memory: Array) -> Floats:
    """Rows as they lie in the graph → rows as the records count them."""
    if read.order is None:
        return np.ascontiguousarray(memory)
    found = np.empty_like(memory)
    found[read.order] = memory
    return found


def channels_first(read: Read, node: Node) -> None:
    """Convolutions and poolings slide along the last axis; a ring of beams (1, C) is a sequence to them."""
    if is_flat(read):
        raise Unlike(node.proto, "stands behind a pooling over all time")
    if not read.time_last:
        if read.shape[0] != 1:
            raise Unlike(node.proto, "slides along the channels")
        read.add(ChannelsAsTime())
        read.time_last = True
