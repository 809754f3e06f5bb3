"""Elementwise operators become expressions: nothing is stored until an operator needs its input whole."""

from collections.abc import Callable

import numpy as np

from export.c.expressions import Computed, Expression, Fixed, Load
from export.c.operators import Map
from export.c.program import Program
from export.c.reader import Node, refuse
from export.c.tensors import BYTE_RANGE, FLOAT, INT16, INT32, KINDS
from export.c.wholes import is_stored_small

FORMS: dict[str, str] = {
    "Add": "{0} + {1}",
    "Sub": "{0} - {1}",
    "Mul": "{0} * {1}",
    "Div": "{0} / {1}",
    "Max": "({0} > {1}) ? {0} : {1}",
    "Min": "({0} < {1}) ? {0} : {1}",
    "Relu": "({0} > 0.0f) ? {0} : 0.0f",
    "Neg": "-{0}",
    "Abs": "fabsf({0})",
    "Sqrt": "sqrtf({0})",
    "Round": "rintf({0})",
    "Floor": "floorf({0})",
    "Exp": "expf({0})",
    "Log": "logf({0})",
    "Tanh": "tanhf({0})",
    "Sigmoid": "1.0f / (1.0f + expf(-{0}))",
}
_OF_INT32 = ("Add", "Sub")


def elementwise(program: Program, node: Node) -> None:
    """One of ``FORMS``, in float; additions also of int32 whose bound is known."""
    inputs = tuple(program.read(node, place) for place in range(len(node.inputs)))
    kinds = {one.kind for one in inputs}
    if len(inputs) > 2 or (node.operator in ("Max", "Min") and len(inputs) != 2):
        refuse(node.field, f"{node.operator} needs two inputs, found {len(inputs)}")
    if kinds == {INT32} and node.operator in _OF_INT32:
        _check_sum(program, node)
    elif kinds != {FLOAT}:
        refuse(node.field, f"{node.operator} needs float32, found {', '.join(sorted(kinds))}")
    _settle(program, node, FORMS[node.operator], inputs, kinds.pop())


def _check_sum(program: Program, node: Node) -> None:
    program.limit(node, sum(program.bound(node, name) for name in node.inputs))


def clip(program: Program, node: Node) -> None:
    """Clip to constant limits; a limit left out is none. Whole numbers for exact sums are stored in 16 bits."""
    value, form = program.read(node, 0), "{0}"
    if value.kind != FLOAT:
        refuse(node.field, f"Clip needs float32, found {value.kind}")
    if is_stored_small(program.source, node):
        _store_small(program, node, value)
        return
    inputs: list[Expression] = [value]
    for place, sign in ((1, "<"), (2, ">")):
        if place < len(node.inputs) and node.inputs[place]:
            inputs.append(program.read(node, place))
            limit = f"{{{len(inputs) - 1}}}"
            form = f"({form} {sign} {limit}) ? {limit} : ({form})"
    _settle(program, node, form, tuple(inputs), FLOAT)


def _store_small(program: Program, node: Node, value: Expression) -> None:
    """As 16-bit numbers; what is not a number becomes the lower limit. No adapter may move the limits."""
    shape = program.source.shapes[node.output]
    target = program.new(node.output, shape, INT16)
    low, high = (f"{int(program.constant(node, place))}.0f" for place in (1, 2))
    form = f"({{0}} > {low}) ? (({{0}} < {high}) ? {{0}} : {high}) : {low}"
    program.operators.append(Map(node.output, target, Computed(node.output, form, (value,), shape, FLOAT)))
    program.values[node.output] = Load(target)


def quantize(program: Program, node: Node) -> None:
    """QuantizeLinear to bytes, per tensor or axis: division, clamp, half to even, as ONNX Runtime."""
    value = program.read(node, 0)
    scale = program.constant(node, 1)
    zero = program.constant(node, 2, np.zeros(scale.shape, np.uint8))
    kind = KINDS.get(zero.dtype.name, "")
    if kind not in BYTE_RANGE or value.kind != FLOAT or scale.dtype != np.float32:
        refuse(node.field, f"QuantizeLinear makes int8 or uint8 of float32, found {zero.dtype.name} of {value.kind}")
    least, largest = BYTE_RANGE[kind]
    form = f"quantize({{0}}, {{1}}, {{2}}, {least}, {largest})"
    inputs = (value, *_on_axis(program, node, [scale, zero]))
    _settle(program, node, form, inputs, kind, ("quantize",))


def dequantize(program: Program, node: Node) -> None:
    """DequantizeLinear of bytes or int32, per tensor or axis."""
    value = program.read(node, 0)
    scale = program.constant(node, 1)
    if value.kind == FLOAT or scale.dtype != np.float32:
        refuse(node.field, "DequantizeLinear makes float32 of int8, uint8 or int32")
    zero = program.constant(node, 2, np.zeros(0, np.int32))
    if zero.any() and value.kind != INT32:
        form, numbers = "(float)((int32_t){0} - {2}) * {1}", [scale, zero]
    elif zero.any():
        refuse(node.field, "DequantizeLinear of int32 needs a zero point of 0")
    elif zero.size and value.kind != INT32:  # an adapter may move a zero point that happens to be 0
        form, numbers = "(float)((int32_t){0} - {2}) * {1}", [scale, zero]
    else:
        form, numbers = "(float){0} * {1}", [scale]
    _settle(program, node, form, (value, *_on_axis(program, node, numbers)), FLOAT)


def _on_axis(program: Program, node: Node, numbers: list[np.ndarray]) -> list[Fixed]:
    """Scales and zero points shaped to repeat along all axes but the node's."""
    if node.attributes.get("block_size", 0):
        refuse(node.field, f"{node.operator} in blocks is not known")
    shape = program.source.shapes[node.inputs[0]]
    axis = node.attributes.get("axis", 1) % len(shape)
    ends = (1,) * (len(shape) - axis - 1)
    return [
        program.fixed(name, array if array.size == 1 else array.reshape(-1, *ends))
        for name, array in zip(node.inputs[1:], numbers, strict=False)
    ]


def _settle(
    program: Program, node: Node, form: str, inputs: tuple[Expression, ...], kind: str, helpers: tuple[str, ...] = ()
) -> None:
    shape = program.source.shapes[node.output]
    program.settle(node, Computed(node.output, form, inputs, shape, kind, helpers))


LOWER: dict[str, Callable[[Program, Node], None]] = {
    **dict.fromkeys(FORMS, elementwise),
    "Clip": clip,
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
}
