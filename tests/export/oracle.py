"""Two independent judges in plain NumPy: the layer records one sum at a time, and an interpreter of ONNX in integers.

Neither shares code with ``export``. The interpreter's requantisation is the rule measured against ONNX Runtime:
s = f32(f32(xs * ws) / ys); y = rint_half_even(clamp(f32(sum) * s)) + zy.
"""

import math
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from nets.layers import BatchNorm, ChannelsAsTime, Conv, Dense, Flatten, GlobalAveragePool, MaxPool, Normalize, Relu
from nets.model import Model


def float_logits(model: Model, values: np.ndarray) -> np.ndarray:
    """Logits in float64 from the records, window by window."""
    return np.stack([_window(model, window.astype(np.float64)) for window in values])


def _window(model: Model, x: np.ndarray) -> np.ndarray:
    for index, layer in enumerate(model.layers):
        numbers = {
            name.split(".")[1]: array for name, array in model.arrays.items() if name.split(".")[0] == str(index)
        }
        x = _layer(layer, numbers, x)
    return x


def _layer(layer: Any, numbers: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    match layer:
        case Normalize():
            return (x - numbers["mean"]) / numbers["deviation"]
        case BatchNorm(epsilon):
            centred = (x - numbers["mean"]) / np.sqrt(numbers["variance"].astype(np.float64) + epsilon)
            return centred * numbers["scale"] + numbers["offset"]
        case Dense():
            return x @ numbers["kernel"] + numbers["bias"]
        case Conv():
            return _conv(layer, numbers, x)
        case Relu():
            return np.maximum(x, 0)
        case MaxPool(size):
            return np.stack([x[at : at + size].max(0) for at in range(0, len(x) - size + 1, size)])
        case GlobalAveragePool():
            return x.mean(0)
        case Flatten():
            return x.reshape(-1)
        case ChannelsAsTime():
            return x.T
        case _:
            return x


def _conv(layer: Conv, numbers: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    time, channels = x.shape
    outputs = math.ceil(time / layer.stride)
    left = max((outputs - 1) * layer.stride + layer.size - time, 0) // 2
    y = np.zeros((outputs, layer.features))
    inside, beside = channels // layer.groups, layer.features // layer.groups
    for t in range(outputs):
        for tap in range(layer.size):
            at = t * layer.stride + tap - left
            if not layer.circular and not 0 <= at < time:
                continue
            for f in range(layer.features):
                first = f // beside * inside
                y[t, f] += x[at % time, first : first + inside] @ numbers["kernel"][tap, :, f]
    return y + numbers["bias"] if layer.bias else y


def onnx_logits(model: onnx.ModelProto, values: np.ndarray) -> np.ndarray:
    """Logits of an int8 graph, node by node, integers in int64 and the rest in float32."""
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer} | {"window": values}
    for node in model.graph.node:
        options = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        known[node.output[0]] = _OPERATORS[node.op_type](*(known[name] for name in node.input), **options)
    return known["logits"]


def _sums(x, zero, w, pads, strides, group, kernel_shape):
    x = np.pad(x.astype(np.int64) - int(zero), ((0, 0), (0, 0), tuple(pads)))
    size, inside, beside = kernel_shape[0], w.shape[1], w.shape[0] // group
    count = (x.shape[2] - size) // strides[0] + 1
    y = np.zeros((len(x), len(w), count), np.int64)
    for f in range(len(w)):
        seen = x[:, f // beside * inside :][:, :inside]
        for t in range(count):
            y[:, f, t] = (seen[:, :, t * strides[0] :][:, :, :size] * w[f].astype(np.int64)).sum((1, 2))
    return y


def _requantize(sums, xs, ws, ys, yz):
    assert np.abs(sums).max() < 2**31
    scale = (np.float32(xs) * ws.astype(np.float32)).astype(np.float32) / np.float32(ys)
    real = np.clip(sums.astype(np.float32) * scale, np.float32(0 - int(yz)), np.float32(255 - int(yz)))
    return (np.rint(real) + int(yz)).astype(np.uint8)


def _qlinear_conv(x, xs, xz, w, ws, wz, ys, yz, bias, **options):
    assert not wz.any()
    sums = _sums(x, xz, w, **options) + bias.astype(np.int64)[:, None]
    return _requantize(sums, xs, ws[:, None], ys, yz)


def _qlinear_mat_mul(a, a_scale, az, b, bs, bz, ys, yz):
    assert bz == 0
    return _requantize((a.astype(np.int64) - int(az)) @ b.astype(np.int64), a_scale, bs, ys, yz)


def _dequantize(x, scale, zero=0, axis=1):
    return (x.astype(np.int64) - int(zero)).astype(np.float32) * scale


def _max_pool(x, kernel_shape, strides):
    size = kernel_shape[0]
    return np.stack([x[:, :, at : at + size].max(2) for at in range(0, x.shape[2] - size + 1, size)], axis=2)


_OPERATORS = {
    "Sub": lambda a, b: a - b,
    "Add": lambda a, b: a + b,
    "Mul": lambda a, b: a * b,
    "Div": lambda a, b: a / b,
    "Relu": lambda x: np.maximum(x, 0),
    "Transpose": lambda x, perm: x.transpose(perm),
    "Flatten": lambda x, axis: x.reshape(len(x), -1),
    "Reshape": lambda x, shape: x.reshape(len(x), *shape[1:]),
    "Gather": lambda x, indices, axis: np.take(x, indices, axis),
    "Pad": lambda x, pads, mode: np.pad(x, ((0, 0), (0, 0), (pads[2], pads[5])), mode=mode.decode()),
    "MaxPool": _max_pool,
    "QuantizeLinear": lambda x, s, z: np.clip(np.rint(x / s) + np.float32(z), 0, 255).astype(np.uint8),
    "DequantizeLinear": _dequantize,
    "QLinearConv": _qlinear_conv,
    "QLinearMatMul": _qlinear_mat_mul,
    "ConvInteger": lambda x, w, zero, **options: _sums(x, zero, w, **options).astype(np.int32),
    "MatMulInteger": lambda a, b, zero: ((a.astype(np.int64) - int(zero)) @ b.astype(np.int64)).astype(np.int32),
}
OPERATORS = frozenset(_OPERATORS)
