"""Reads an ONNX graph and refuses all that the generator has no exact code for, by the node's name."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

from export.c.tensors import Shape
from slipway.errors import Reason, Refused

SIZE_LIMIT = 64 * 1024 * 1024  # bytes of a graph; the largest microcontroller holds far less
_INT4 = (TensorProto.INT4, TensorProto.UINT4)


@dataclass(frozen=True, eq=False)
class Node:
    """One ONNX node; an input left out is an empty name."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]

    @property
    def field(self) -> str:
        return f"graph.{self.name or self.output}"


@dataclass(frozen=True, eq=False)
class Source:
    """A graph with every shape known; the batch is one."""

    nodes: tuple[Node, ...]
    constants: dict[str, npt.NDArray[Any]]
    shapes: dict[str, Shape]
    input: str
    output: str

    @cached_property
    def producers(self) -> dict[str, Node]:
        """The node that makes each value."""
        return {node.output: node for node in self.nodes}

    def readers(self, name: str) -> list[Node]:
        """The nodes that read a value."""
        return [node for node in self.nodes if name in node.inputs]

    def uses(self, name: str) -> int:
        """How often a value is read; the graph's output is read once by the caller."""
        return sum(node.inputs.count(name) for node in self.nodes) + (name == self.output)


def refuse(field: str, problem: str) -> NoReturn:
    """Refuse part of a graph."""
    raise Refused(Reason.EXPORT_UNSUPPORTED, field=field, problem=problem)


def read(graph: bytes) -> Source:
    """The graph of an ONNX file.

    Raises:
        Refused: LIMIT_EXCEEDED, or EXPORT_UNSUPPORTED naming the tensor or node: not an ONNX file, external data,
            4-bit numbers, a dynamic shape, more than one input or output, one that is not float32.
    """
    if len(graph) > SIZE_LIMIT:
        raise Refused(Reason.LIMIT_EXCEEDED, field="graph", found=f"{len(graph)} bytes", limit=f"{SIZE_LIMIT} bytes")
    model = _parse(graph)
    for tensor in model.graph.initializer:
        _check_tensor(tensor)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in constants]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        refuse("graph", f"needs one input and one output, found {len(inputs)} and {len(model.graph.output)}")
    _fix_batch(inputs[0])
    shapes = _shapes(model)
    nodes = []
    for found in map(_node, model.graph.node):
        if found.operator == "Constant":
            constants[found.output] = _constant(found)
        else:
            nodes.append(found)
    shapes |= {name: array.shape for name, array in constants.items()}
    for node in nodes:
        if node.output not in shapes:
            refuse(node.field, f"{node.operator} has a dynamic shape; all but the batch must be fixed")
    return Source(tuple(nodes), constants, shapes, inputs[0].name, model.graph.output[0].name)


def _parse(graph: bytes) -> onnx.ModelProto:
    try:
        model = onnx.ModelProto.FromString(graph)
    except Exception as error:
        raise Refused(Reason.EXPORT_UNSUPPORTED, field="graph", problem="is no ONNX file") from error
    if not model.graph.node:
        refuse("graph", "holds no node")
    return model


def _check_tensor(tensor: TensorProto) -> None:
    field = f"graph.{tensor.name}"
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        refuse(field, "its numbers lie in another file; store them inside the graph")
    if tensor.data_type in _INT4:
        refuse(field, "has 4-bit numbers; use int8")


def _fix_batch(value: onnx.ValueInfoProto) -> None:
    tensor = value.type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT:
        refuse(f"graph.{value.name}", "must be float32")
    for place, axis in enumerate(tensor.shape.dim):
        if place == 0:
            axis.dim_value = 1
        elif axis.dim_value < 1:
            refuse(f"graph.{value.name}", f"axis {place} is dynamic; only the batch may be")
    if not 2 <= len(tensor.shape.dim) <= 4:
        refuse(f"graph.{value.name}", f"needs 2 to 4 axes, found {len(tensor.shape.dim)}")


def _shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    del model.graph.value_info[:]  # what a file claims about its own shapes may be stale
    for axis in model.graph.output[0].type.tensor_type.shape.dim[:1]:
        axis.Clear()
    try:
        inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:
        raise Refused(
            Reason.EXPORT_UNSUPPORTED, field="graph", problem=f"its shapes do not fit: {str(error)[:120]}"
        ) from error
    found = {}
    for value in (*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output):
        axes = [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        if value.type.tensor_type.HasField("shape") and all(axes):
            found[value.name] = tuple(axes)
    return found


def _node(node: onnx.NodeProto) -> Node:
    attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    used = [name for name in node.output if name]
    found = Node(node.op_type, node.name, tuple(node.input), used[0] if used else "", attributes)
    if node.domain not in ("", "ai.onnx"):
        refuse(found.field, f"{node.domain}.{node.op_type} is no standard operator")
    if len(used) != 1:
        refuse(found.field, f"{node.op_type} needs one output, found {len(used)}")
    return found


def _constant(node: Node) -> npt.NDArray[Any]:
    tensor = node.attributes.get("value")
    if not isinstance(tensor, TensorProto):
        refuse(node.field, "Constant must hold a tensor")
    _check_tensor(tensor)
    return np.asarray(numpy_helper.to_array(tensor))
