"""Nodes that sum or pool, read as layers: each function takes what it can from the front of ``nodes`` and counts it."""

import numpy as np

from export.chain import Node, Read, Unlike, channels_first, is_flat, to_records
from export.steps import Array
from nets.layers import Conv, Dense, GlobalAveragePool, MaxPool
from nets.padding import pads

_EMBEDDING_LIMIT = 4  # a kernel grows to so many times its size at most, by zeros, to sit where our padding wants it


def wrap(read: Read, nodes: list[Node]) -> int:
    """A padding that wraps around belongs to the convolution behind it."""
    node = nodes[0]
    reach = node.constants[1]
    if node.options.get("mode", b"constant") != b"wrap" or len(nodes) < 2 or nodes[1].kind != "Conv":
        raise Unlike(node.proto, "only a convolution's wrapping is a layer")
    if reach is None or reach.size != 6 or any(reach[[0, 1, 3, 4]]):
        raise Unlike(node.proto, "wraps another axis than the last")
    _convolution(read, nodes[1], (int(reach[2]), int(reach[5])), circular=True)
    return 2


def conv(read: Read, nodes: list[Node]) -> int:
    """A convolution that pads with zeros."""
    _convolution(read, nodes[0], (0, 0), circular=False)
    return 1


def _convolution(read: Read, node: Node, wrapped: tuple[int, int], circular: bool) -> None:
    channels_first(read, node)
    weights, bias = node.constants[1], node.constants[2] if len(node.constants) > 2 else None
    if weights is None or weights.ndim != 3 or any(one != 1 for one in node.options.get("dilations", [1])):
        raise Unlike(node.proto, "needs a constant kernel over one axis, without gaps")
    time, size = read.shape[0], weights.shape[2]
    stride = int(node.options.get("strides", [1])[0])
    left, right = (sum(pair) for pair in zip(_padding(node, time, size, stride), wrapped, strict=True))
    if circular and (left, right) != wrapped:
        raise Unlike(node.proto, "wraps around and pads with zeros")
    if (time + left + right - size) // stride + 1 != -(-time // stride):
        raise Unlike(node.proto, f"makes another length of {time} samples than one every {stride}")
    kernel = _embedded(node, weights.transpose(2, 1, 0), left, time, stride)
    layer = Conv(len(weights), len(kernel), stride, int(node.options.get("group", 1)), bias is not None, circular)
    read.add(layer, kernel=kernel, **({} if bias is None else {"bias": bias}))


def _padding(node: Node, time: int, size: int, stride: int) -> tuple[int, int]:
    match node.options.get("auto_pad", b"NOTSET"):
        case b"NOTSET":
            left, right = node.options.get("pads", [0, 0])
            return int(left), int(right)
        case b"SAME_UPPER":
            return pads(time, size, stride)
        case b"SAME_LOWER":
            return pads(time, size, stride)[::-1]
    return 0, 0


def _embedded(node: Node, kernel: Array, left: int, time: int, stride: int) -> Array:
    """The kernel (size, …), longer by zeros where our padding would begin elsewhere than ``left`` samples before."""
    size = len(kernel)
    for longer in range(size, _EMBEDDING_LIMIT * size + 1):
        before = pads(time, longer, stride)[0] - left
        if 0 <= before <= longer - size:
            width = ((before, longer - size - before), (0, 0), (0, 0))
            return np.pad(kernel, width)
    raise Unlike(node.proto, f"begins {left} samples before the window")


def gemm(read: Read, nodes: list[Node]) -> int:
    """A dense layer, its weights either way round."""
    node = nodes[0]
    weights, bias = node.constants[1], node.constants[2] if len(node.constants) > 2 else None
    if weights is None or node.options.get("transA", 0):
        raise Unlike(node.proto, "needs constant weights")
    kernel = weights.T if node.options.get("transB", 0) else weights
    shift = np.zeros(1, np.float32) if bias is None else bias * np.float32(node.options.get("beta", 1.0))
    _dense(read, node, kernel * np.float32(node.options.get("alpha", 1.0)), shift)
    return 1


def matmul(read: Read, nodes: list[Node]) -> int:
    """A dense layer, with or without a bias behind it."""
    node, following = nodes[0], nodes[1] if len(nodes) > 1 else None
    kernel = node.constants[1]
    if kernel is None or kernel.ndim != 2:
        raise Unlike(node.proto, "needs constant weights on its right")
    bias = next((one for one in following.constants if one is not None), None) if following else None
    if following is None or following.kind != "Add" or bias is None or bias.size not in (1, kernel.shape[1]):
        _dense(read, node, kernel, np.zeros(1, np.float32))
        return 1
    _dense(read, node, kernel, bias)
    return 2


def _dense(read: Read, node: Node, kernel: Array, bias: Array) -> None:
    if not is_flat(read) or read.column:
        raise Unlike(node.proto, "needs flat numbers")
    features = kernel.shape[1]
    read.add(Dense(features), kernel=to_records(read, kernel), bias=np.broadcast_to(bias.reshape(-1), features).copy())
    read.order = None


def max_pool(read: Read, nodes: list[Node]) -> int:
    """A maximum over parts that do not overlap."""
    node = nodes[0]
    size = _pooled(read, node)
    if size is None:
        raise Unlike(node.proto, "needs a stride of its size, and no padding")
    read.add(MaxPool(size))
    return 1


def average_pool(read: Read, nodes: list[Node]) -> int:
    """Over all time it is the global one; over parts that come out even, a depthwise convolution."""
    node = nodes[0]
    size = _pooled(read, node)
    time, channels = read.shape
    if size == time:
        return global_average(read, nodes)
    if size is None or time % size:
        raise Unlike(node.proto, "needs a stride of its size, no padding and no rest")
    read.add(Conv(channels, size, size, groups=channels), kernel=np.full((size, 1, channels), 1 / size, np.float32))
    return 1


def _pooled(read: Read, node: Node) -> int | None:
    channels_first(read, node)
    options = node.options
    size, stride = options["kernel_shape"][0], options.get("strides", [1])[0]
    plain = not any(options.get("pads", [0])) and options.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID")
    plain = plain and not options.get("ceil_mode", 0) and all(one == 1 for one in options.get("dilations", [1]))
    return int(size) if plain and (size == stride or size == read.shape[0]) else None


def global_average(read: Read, nodes: list[Node]) -> int:
    """The mean over time."""
    channels_first(read, nodes[0])
    read.add(GlobalAveragePool())
    read.column = True
    return 1


def reduce_mean(read: Read, nodes: list[Node]) -> int:
    """The mean over time, spelt out."""
    node = nodes[0]
    axes = node.options.get("axes", node.constants[1] if len(node.constants) > 1 else None)
    over = 2 if read.time_last else 1
    if is_flat(read) or axes is None or [int(axis) % 3 for axis in np.ravel(axes)] != [over]:
        raise Unlike(node.proto, "only the mean over time is a layer")
    if node.options.get("keepdims", 1) and not read.time_last:
        raise Unlike(node.proto, "keeps an axis that no layer has")
    read.add(GlobalAveragePool())
    read.column = bool(node.options.get("keepdims", 1))
    return 1
