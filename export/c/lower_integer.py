"""The integer operators of ONNX: weights without their zero points, and how their sums leave."""

from collections.abc import Callable

import numpy as np

from export.c.expressions import Load
from export.c.linear import Leaving, add, convolution, dense, total
from export.c.operators import Pool
from export.c.packing import Integers
from export.c.program import Program
from export.c.reader import Node, refuse
from export.c.sliding import window
from export.c.tensors import BYTE_RANGE, INT32, KINDS, Tensor

_NO_BIAS = np.zeros(1, np.int64)


def qlinear_conv(program: Program, node: Node) -> None:
    """QLinearConv, one axis or two, with groups."""
    weights = _weights(program, node, 3, 5)
    bias = program.constant(node, 8, np.zeros(len(weights), np.int32)).astype(np.int64)
    _convolve(program, node, _zero(program, node, 2), weights, bias, _leaving(program, node, 1, 4, 6))


def conv_integer(program: Program, node: Node) -> None:
    """ConvInteger: sums leave as int32."""
    weights = _weights(program, node, 1, 3)
    bias = np.zeros(len(weights), np.int64)
    _convolve(program, node, _zero(program, node, 2), weights, bias, Leaving(INT32))


def qlinear_matmul(program: Program, node: Node) -> None:
    """QLinearMatMul of bytes with a constant matrix."""
    weights = _weights(program, node, 3, 5, last=True)
    _multiply(program, node, _zero(program, node, 2), weights, _leaving(program, node, 1, 4, 6))


def q_gemm(program: Program, node: Node) -> None:
    """A dense layer folded from the QDQ form: QLinearMatMul with a bias, its matrix perhaps transposed."""
    weights = _weights(program, node, 3, 5, last=not node.attributes.get("transB", 0))
    bias = program.constant(node, 8, np.zeros(1, np.int32)).astype(np.int64).ravel()
    columns = weights if node.attributes.get("transB", 0) else weights.T
    _multiply(program, node, _zero(program, node, 2), columns.T, _leaving(program, node, 1, 4, 6), bias)


def matmul_integer(program: Program, node: Node) -> None:
    """MatMulInteger with a constant matrix: sums leave as int32."""
    weights = _weights(program, node, 1, 3, last=True)
    _multiply(program, node, _zero(program, node, 2), weights, Leaving(INT32))


def _weights(program: Program, node: Node, place: int, zero_place: int, last: bool = False) -> Integers:
    """Weights less their zero points, which must fit int8."""
    raw = program.constant(node, place)
    if raw.dtype not in (np.int8, np.uint8):
        refuse(node.field, f"{node.operator} needs 8-bit weights, found {raw.dtype.name}")
    zero = program.constant(node, zero_place, np.zeros((), raw.dtype)).astype(np.int64)
    found = raw.astype(np.int64) - (zero if last or zero.ndim == 0 else zero.reshape(-1, *(1,) * (raw.ndim - 1)))
    if np.abs(found + 0.5).max(initial=0) > 128:
        refuse(node.field, f"{node.operator} has weights outside -128 to 127 once their zero point is taken off")
    return np.asarray(found, np.int64)


def _zero(program: Program, node: Node, place: int) -> int:
    zero = program.constant(node, place, np.zeros((), np.uint8))
    if zero.size != 1:
        refuse(node.field, f"{node.operator} needs one zero point for its input")
    return int(zero.ravel()[0])


def _leaving(program: Program, node: Node, source: int, weights: int, target: int) -> Leaving:
    source_scale, weight_scale, scale = (program.constant(node, place) for place in (source, weights, target))
    zero = program.constant(node, target + 1)
    kind = KINDS.get(zero.dtype.name, "")
    if kind not in BYTE_RANGE or scale.size != 1 or source_scale.size != 1:
        refuse(node.field, f"{node.operator} needs int8 or uint8 grids, one for its input and one for its output")
    unit = np.asarray(np.float32(source_scale.ravel()[0]) * weight_scale.astype(np.float32), np.float32)
    steps = np.asarray(unit / np.float32(scale.ravel()[0]), np.float32).ravel()
    if not (np.isfinite(steps).all() and (steps > 0).all()):
        refuse(node.field, f"{node.operator} needs scales that are positive and finite")
    return Leaving(kind, int(zero.ravel()[0]), steps, bool(node.attributes.get("relu", 0)))


def _convolve(program: Program, node: Node, zero: int, weights: Integers, bias: Integers, leaving: Leaving) -> None:
    shape, target = program.source.shapes[node.inputs[0]], program.source.shapes[node.output]
    slides = window(node, shape, target, weights.shape[2:], node.attributes.get("group", 1))
    source = _source(program, node)
    if source.order is not None:
        weights = weights[:, source.order]
    weights = weights.reshape(*weights.shape[:2], slides.down, slides.across).transpose(0, 2, 3, 1)
    sums = convolution(slides, weights.reshape(len(weights), -1))
    add(program, node, source, sums, zero, bias, leaving)


def _multiply(
    program: Program, node: Node, zero: int, weights: Integers, leaving: Leaving, bias: Integers = _NO_BIAS
) -> None:
    shape = program.source.shapes[node.inputs[0]]
    if weights.ndim != 2 or not 2 <= len(shape) <= 3:
        refuse(node.field, f"{node.operator} needs a constant matrix and 2 or 3 axes")
    source, columns = _source(program, node), weights.T
    if len(shape) == 3:
        sums = total(columns, channels=shape[1])
    else:
        sums = dense(columns if source.order is None else columns[:, source.order])
    add(program, node, source, sums, zero, np.broadcast_to(bias, len(columns)), leaving)


def _source(program: Program, node: Node) -> Tensor:
    source = program.stored(node, 0)
    if source.kind not in BYTE_RANGE:
        refuse(node.field, f"{node.operator} reads int8 or uint8, found {source.kind}")
    return source


def max_pool(program: Program, node: Node) -> None:
    """MaxPool of any type."""
    shape, target = program.source.shapes[node.inputs[0]], program.source.shapes[node.output]
    slides = window(node, shape, target, tuple(node.attributes["kernel_shape"]))
    source = program.stored(node, 0)
    found = program.new(node.output, target, source.kind)
    program.operators.append(Pool(node.output, "max", source, found, slides))
    program.settle(node, Load(found))


LOWER: dict[str, Callable[[Program, Node], None]] = {
    "QLinearConv": qlinear_conv,
    "ConvInteger": conv_integer,
    "QLinearMatMul": qlinear_matmul,
    "QGemm": q_gemm,
    "MatMulInteger": matmul_integer,
    "MaxPool": max_pool,
}
