"""Operators that move numbers without arithmetic: most become views or indices, and cost nothing."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from export.c.expressions import Computed, Expression, Load, Taken, Transposed
from export.c.operators import Map
from export.c.program import Program
from export.c.reader import Node, refuse
from export.c.tensors import Tensor, plain, reshaped, shuffled, stored_axes, strides, transposed

_REORDERING = ("QLinearConv", "ConvInteger", "QLinearMatMul", "MatMulInteger", "QGemm", "Gemm")
_TABLE_LIMIT = 65_536


def transpose(program: Program, node: Node) -> None:
    """Another order of axes: a view of what is stored, else an index."""
    value = program.read(node, 0)
    axes = tuple(node.attributes.get("perm", reversed(range(len(value.shape)))))
    found: Expression = Transposed(node.output, value, axes)
    if isinstance(value, Load) and value.tensor.order is None:
        found = Load(transposed(value.tensor, axes))
    program.settle(node, found)


def reshape(program: Program, node: Node) -> None:
    """Another shape of the same numbers in ONNX's order."""
    value, shape = program.read(node, 0), program.source.shapes[node.output]
    tensor = value.tensor if isinstance(value, Load) else program.stored(node, 0, plain(value.shape))
    view = reshaped(tensor, shape)
    if view is None and _can_reorder(program, node, tensor):
        program.seen.append((len(program.operators), node.output, Load(tensor)))
        program.values[node.output] = Load(shuffled(tensor, shape))
        return
    if view is None:
        view = reshaped(program.stored(node, 0, plain(tensor.shape)), shape)
    assert view is not None, "numbers in ONNX's order take any shape"
    program.settle(node, Load(view))


def _can_reorder(program: Program, node: Node, tensor: Tensor) -> bool:
    """Whether all who read the flattened numbers are dense layers, whose weights can be put in our order."""
    readers = program.source.readers(node.output)
    flat = [length for length in program.source.shapes[node.output] if length > 1]
    stored = tensor.order is None and tensor.strides == strides(tensor.shape, stored_axes(tensor.shape))
    dense = all(
        one.operator in _REORDERING
        and one.attributes.get("group", 1) == 1
        and one.inputs[0] == node.output
        and not _is_convolution_over(program, one)
        for one in readers
    )
    return stored and dense and len(flat) == 1 and bool(readers)


def _is_convolution_over(program: Program, node: Node) -> bool:
    shape = program.source.shapes[node.inputs[0]]
    return len(shape) > 2 and (max(shape[2:]) > 1 or "MatMul" in node.operator)


def gather(program: Program, node: Node) -> None:
    """Chosen places along one axis."""
    value = program.read(node, 0)
    places = program.constant(node, 1)
    if places.ndim != 1:
        refuse(node.field, "Gather needs a list of indices")
    axis = node.attributes.get("axis", 0) % len(value.shape)
    places = places % value.shape[axis]
    if isinstance(value, Computed) and len(np.unique(places)) < value.shape[axis]:
        value = Load(program.stored(node, 0))  # else some of its numbers would never be computed, nor traced
    program.settle(node, _taken(program, node.output, value, axis, places))


def pad(program: Program, node: Node) -> None:
    """Padding that repeats numbers: ``edge``, ``wrap`` or ``reflect``; zeros are an attribute of the convolution."""
    mode = node.attributes.get("mode", b"constant").decode()
    value = program.read(node, 0)
    if mode == "constant" or len(node.inputs) > 3:
        refuse(node.field, f"Pad with mode {mode} is not known; use edge, wrap or reflect")
    reach = np.asarray(program.constant(node, 1)).reshape(2, -1)
    for axis, (left, right) in enumerate(reach.T.tolist()):
        if left or right:
            extended = np.pad(np.arange(value.shape[axis]), (left, right), mode=mode)
            value = _taken(program, node.output, value, axis, extended)
    program.settle(node, value)


def _taken(program: Program, name: str, value: Expression, axis: int, places: npt.NDArray[np.int64]) -> Taken:
    if value.shape[axis] > _TABLE_LIMIT:
        refuse(f"graph.{name}", f"indices into {value.shape[axis]} places do not fit 16 bits")
    return Taken(name, value, axis, places, program.keep(f"{name}_places", places.astype(np.uint16)))


def concat(program: Program, node: Node) -> None:
    """Parts one behind the other: each is written to its place in the whole."""
    parts = [program.read(node, place) for place in range(len(node.inputs))]
    if len({part.kind for part in parts}) != 1:
        refuse(node.field, "Concat needs inputs of one type")
    shape = program.source.shapes[node.output]
    axis = node.attributes["axis"] % len(shape)
    whole, start = program.new(node.output, shape, parts[0].kind), 0
    for part in parts:
        view = Tensor(whole.buffer, part.shape, whole.strides, whole.kind)
        program.operators.append(Map(node.output, view, part, start * whole.strides[axis]))
        start += part.shape[axis]
    program.settle(node, Load(whole))


def same(program: Program, node: Node) -> None:
    """Identity, and dropout at inference."""
    program.settle(node, program.read(node, 0))


LOWER: dict[str, Callable[[Program, Node], None]] = {
    "Transpose": transpose,
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), reshape),
    "Gather": gather,
    "Pad": pad,
    "Concat": concat,
    **dict.fromkeys(("Identity", "Dropout"), same),
}
