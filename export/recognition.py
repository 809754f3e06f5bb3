"""From the nodes of a float graph to layer records: what has to be known before a foreign net can be adapted.

The graph must be one chain from ``window`` to ``logits``. Each node takes what the one before it gave, in the layout
that this leaves it in, and becomes a layer or changes only how the numbers lie. Whatever no layer describes exactly
raises ``Unlike``: such a graph can be run, not adapted.
"""

from collections.abc import Callable, Mapping

import numpy as np
import onnx

from export.chain import Node, Read, Unlike, chain_of, channels_first, is_flat, per_channel, to_records
from export.steps import Floats
from export.summing import average_pool, conv, gemm, global_average, matmul, max_pool, reduce_mean, wrap
from nets.layers import BatchNorm, Dense, Flatten, Normalize, Relu
from nets.model import Model
from slipway.spec import TaskSpec


def recognise(model: onnx.ModelProto, task: TaskSpec) -> Model:
    """The layers that a graph from ``window`` (batch, time, channels) to ``logits`` computes.

    Raises:
        Unlike: a node that no layer describes.
    """
    chain = chain_of(model)
    read = Read(task.sensor.window_shape)
    at = 0
    while at < len(chain):
        at += _take(read, chain[at:])
    last = chain[-1].proto
    if read.order is not None or len(read.shape) != 1 or read.column:
        raise Unlike(last, "a net must end in a dense layer's numbers")
    if not any(isinstance(layer, Dense) for layer, _ in read.layers):
        raise Unlike(last, "a net needs a dense layer")
    if not read.layers or not isinstance(read.layers[0][0], Normalize):
        channels = task.sensor.window_shape[1]
        same = {"mean": np.zeros(channels, np.float32), "deviation": np.ones(channels, np.float32)}
        read.layers.insert(0, (Normalize(), same))  # what adapts input statistics looks for it
    arrays = {f"{i}.{name}": array for i, (_, own) in enumerate(read.layers) for name, array in own.items()}
    return Model(task, tuple(layer for layer, _ in read.layers), arrays)


def _take(read: Read, nodes: list[Node]) -> int:
    """Read the next layer; return how many nodes it was."""
    node = nodes[0]
    reader = _READERS.get(node.kind)
    if reader is None:
        raise Unlike(node.proto, "is no layer of ours")
    return reader(read, nodes)


def _skip(read: Read, nodes: list[Node]) -> int:
    return 1


def _relu(read: Read, nodes: list[Node]) -> int:
    read.add(Relu())
    return 1


def _transpose(read: Read, nodes: list[Node]) -> int:
    if len(read.shape) != 2 or list(nodes[0].options.get("perm", ())) != [0, 2, 1]:
        raise Unlike(nodes[0].proto, "only time and channels may change places")
    read.time_last = not read.time_last
    return 1


def _affine(read: Read, nodes: list[Node]) -> int:
    """(x - mean) / deviation is a normalisation; any other scale and shift is a batch normalisation at rest."""
    node, following = nodes[0], nodes[1] if len(nodes) > 1 else None
    first = per_channel(read, node)
    if node.kind == "Sub" and node.constants[0] is None and following and following.kind == "Div":
        deviation = per_channel(read, following)
        if following.constants[0] is None and (deviation > 0).all():
            read.add(Normalize(), mean=first, deviation=deviation)
            return 2
    scale, offset = _scale_offset(node, first)
    count = 1
    if node.kind in ("Mul", "Div") and following and following.kind in ("Add", "Sub"):
        one, shift = _scale_offset(following, per_channel(read, following))
        scale, offset, count = scale * one, shift, 2
    _at_rest(read, scale, offset)
    return count


def _scale_offset(node: Node, constant: Floats) -> tuple[Floats, Floats]:
    zero, one = np.zeros_like(constant), np.ones_like(constant)
    match node.kind, node.constants[0] is None:
        case "Add", _:
            return one, constant
        case "Mul", _:
            return constant, zero
        case "Sub", True:
            return one, -constant
        case "Sub", False:
            return -one, constant
        case "Div", True:
            return np.reciprocal(constant), zero
    raise Unlike(node.proto, "divides by the window")


def _at_rest(read: Read, scale: Floats, offset: Floats) -> None:
    zero, one = np.zeros_like(scale), np.ones_like(scale)
    read.add(BatchNorm(epsilon=0.0), mean=zero, variance=one, scale=scale, offset=offset)


def _batch_norm(read: Read, nodes: list[Node]) -> int:
    node = nodes[0]
    if not is_flat(read):
        channels_first(read, node)
    if node.options.get("training_mode", 0) or any(one is None for one in node.constants[1:]):
        raise Unlike(node.proto, "is not at rest")
    names = ("scale", "offset", "mean", "variance")
    arrays = {
        name: to_records(read, one) for name, one in zip(names, node.constants[1:], strict=True) if one is not None
    }
    read.add(BatchNorm(float(node.options.get("epsilon", 1e-5))), **arrays)
    return 1


def _flatten(read: Read, nodes: list[Node]) -> int:
    node = nodes[0]
    size = int(np.prod(read.shape))
    if not _makes_flat(read, node, size):
        raise Unlike(node.proto, f"only to (batch, {size}) may numbers be laid out anew")
    if is_flat(read):
        read.column = False
        return 1
    time, channels = read.shape
    if read.time_last and time > 1 and channels > 1:
        read.order = np.arange(size).reshape(time, channels).T.ravel()
    read.add(Flatten())
    return 1


def _makes_flat(read: Read, node: Node, size: int) -> bool:
    match node.kind:
        case "Flatten":
            return int(node.options.get("axis", 1)) in (1, 1 - _rank(read))
        case "Reshape":
            target = node.constants[1]
            return target is not None and target.size == 2 and int(target[0]) <= 0 and int(target[1]) in (size, -1)
    axes = node.constants[1] if len(node.constants) > 1 else None
    return read.column and axes is not None and [int(axis) % 3 for axis in axes] == [2]


def _rank(read: Read) -> int:
    return 3 if read.column else len(read.shape) + 1


_READERS: Mapping[str, Callable[[Read, list[Node]], int]] = {
    "Identity": _skip,
    "Dropout": _skip,
    "Relu": _relu,
    "Transpose": _transpose,
    "Add": _affine,
    "Sub": _affine,
    "Mul": _affine,
    "Div": _affine,
    "BatchNormalization": _batch_norm,
    "Pad": wrap,
    "Conv": conv,
    "Gemm": gemm,
    "MatMul": matmul,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average,
    "ReduceMean": reduce_mean,
    "Flatten": _flatten,
    "Reshape": _flatten,
    "Squeeze": _flatten,
}
