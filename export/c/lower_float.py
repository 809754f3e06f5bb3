"""Float operators that need their input whole: convolutions, dense layers, sums over axes, poolings, softmax."""

from collections.abc import Callable

import numpy as np

from export.c.expressions import Load
from export.c.operators import FloatConv, Pool, Reduce, Softmax, Window
from export.c.packing import CHUNK, pack
from export.c.program import ADAPTER_LIMIT, Program
from export.c.reader import Node, refuse
from export.c.sliding import window
from export.c.tensors import FLOAT, INT16, Shape, Tensor, plain, reshaped

REDUCTIONS = {"ReduceSum": "sum", "ReduceMean": "mean", "ReduceL2": "l2", "ReduceMax": "max"}


def conv(program: Program, node: Node) -> None:
    """Conv in float, one axis or two, with groups; weights (features, taps, channels)."""
    kernel = program.constant(node, 1)
    shape, target = program.source.shapes[node.inputs[0]], program.source.shapes[node.output]
    slides = window(node, shape, target, kernel.shape[2:], node.attributes.get("group", 1))
    flat = kernel.reshape(*kernel.shape[:2], -1).swapaxes(1, 2)
    read = program.read(node, 0)
    if read.kind == INT16:
        assert isinstance(read, Load)
        _whole(program, node, read.tensor, slides, flat.reshape(len(flat), -1))
    else:
        _dense(program, node, _source(program, node), slides, flat, 2, shape[0])


def _whole(program: Program, node: Node, source: Tensor, slides: Window, weights: np.ndarray) -> None:
    """A convolution whose numbers are whole and whose sums are exact; see ``wholes``."""
    target = program.new(node.output, program.source.shapes[node.output], FLOAT)
    kernel = program.keep(f"{node.output}_weights", pack(weights.astype(np.int64), 1, np.int16))
    length = weights.shape[1] + -weights.shape[1] % CHUNK
    program.operators.append(FloatConv(node.output, source, target, slides, kernel, None, len(weights), length=length))
    program.settle(node, Load(target))


def gemm(program: Program, node: Node) -> None:
    """Gemm with constant weights, one row."""
    attributes = node.attributes
    if attributes.get("alpha", 1.0) != 1 or attributes.get("beta", 1.0) != 1 or attributes.get("transA", 0):
        refuse(node.field, "Gemm needs alpha and beta of 1 and its first matrix as it is")
    weights = program.constant(node, 1)
    features_first = weights if attributes.get("transB", 0) else weights.T
    source = _source(program, node)
    if source.order is not None:
        features_first = features_first[:, source.order]
    _dense(program, node, source, Window(1, 1, source.shape[1], 1, 1), features_first, 2)


def matmul(program: Program, node: Node) -> None:
    """MatMul with a constant matrix: a dense layer at every row."""
    weights, shape = program.constant(node, 1), program.source.shapes[node.inputs[0]]
    if weights.ndim != 2:
        refuse(node.field, "MatMul needs a constant matrix")
    rows = int(np.prod(shape[:-1]))
    source = program.stored(node, 0, plain(shape))
    slides = Window(1, rows, shape[-1], 1, rows)
    _dense(program, node, source, slides, weights.T, None, wanted=plain(program.source.shapes[node.output]))


def _source(program: Program, node: Node) -> Tensor:
    source = program.stored(node, 0)
    if source.kind != FLOAT:
        refuse(node.field, f"{node.operator} needs float32, found {source.kind}")
    return source


def _dense(
    program: Program,
    node: Node,
    source: Tensor,
    slides: Window,
    weights: np.ndarray,
    bias_place: int | None,
    batch: int = 1,
    wanted: Shape | None = None,
) -> None:
    where = program.adapt if weights.size <= ADAPTER_LIMIT else program.keep
    bias = None
    if bias_place is not None and len(node.inputs) > bias_place and node.inputs[bias_place]:
        numbers = np.broadcast_to(program.constant(node, bias_place).ravel(), (len(weights),))
        bias = program.adapt(f"{node.output}_bias", numbers.astype(np.float32))
    if weights.dtype != np.float32:
        refuse(node.field, f"{node.operator} needs float32 weights, found {weights.dtype.name}")
    target = program.new(node.output, program.source.shapes[node.output], FLOAT, wanted)
    kernel = where(f"{node.output}_weights", weights)
    program.operators.append(FloatConv(node.output, source, target, slides, kernel, bias, len(weights), batch))
    program.settle(node, Load(target))


def reduce(program: Program, node: Node) -> None:
    """A sum, mean, norm or maximum over axes."""
    value = program.read(node, 0)
    axes = node.attributes.get("axes")
    if axes is None:
        axes = program.constant(node, 1, np.arange(len(value.shape))).tolist()
    if value.kind != FLOAT or not axes:
        refuse(node.field, f"{node.operator} needs float32 and its axes")
    _reduce(program, node, REDUCTIONS[node.operator], tuple(axis % len(value.shape) for axis in axes))


def global_pool(program: Program, node: Node) -> None:
    """GlobalAveragePool and GlobalMaxPool in float."""
    value = program.read(node, 0)
    if value.kind != FLOAT:
        refuse(node.field, f"{node.operator} needs float32, found {value.kind}")
    kind = "mean" if node.operator == "GlobalAveragePool" else "max"
    _reduce(program, node, kind, tuple(range(2, len(value.shape))))


def _reduce(program: Program, node: Node, kind: str, axes: Shape) -> None:
    value = program.read(node, 0)
    kept = tuple(1 if axis in axes else length for axis, length in enumerate(value.shape))
    target = program.new(node.output, kept, FLOAT)
    program.operators.append(Reduce(node.output, target, value, axes, kind))
    found = reshaped(target, program.source.shapes[node.output])
    if found is None:
        found = reshaped(program.store(node.output, Load(target), plain(kept)), program.source.shapes[node.output])
    assert found is not None
    program.settle(node, Load(found))


def average_pool(program: Program, node: Node) -> None:
    """AveragePool in float."""
    shape, target = program.source.shapes[node.inputs[0]], program.source.shapes[node.output]
    slides = window(node, shape, target, tuple(node.attributes["kernel_shape"]))
    source = _source(program, node)
    found = program.new(node.output, target, FLOAT)
    every = bool(node.attributes.get("count_include_pad", 0))
    program.operators.append(Pool(node.output, "average", source, found, slides, every))
    program.settle(node, Load(found))


def softmax(program: Program, node: Node) -> None:
    """Softmax over the last axis."""
    shape = program.source.shapes[node.inputs[0]]
    if node.attributes.get("axis", -1) not in (-1, len(shape) - 1):
        refuse(node.field, "Softmax needs the last axis")
    source = program.stored(node, 0, plain(shape))
    if source.kind != FLOAT:
        refuse(node.field, f"Softmax needs float32, found {source.kind}")
    found = program.new(node.output, shape, FLOAT, plain(shape))
    program.operators.append(Softmax(node.output, source, found))
    program.settle(node, Load(found))


LOWER: dict[str, Callable[[Program, Node], None]] = {
    "Conv": conv,
    "Gemm": gemm,
    "MatMul": matmul,
    **dict.fromkeys(REDUCTIONS, reduce),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), global_pool),
    "AveragePool": average_pool,
    "Softmax": softmax,
}
