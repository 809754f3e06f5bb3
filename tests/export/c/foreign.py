"""Small graphs that our exporter does not write: two axes, the QDQ form, signed bytes, float layers."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Arrays = dict[str, np.ndarray]


def model(nodes: Sequence[onnx.NodeProto], arrays: Arrays, shape: tuple[int, ...], classes: int) -> onnx.ModelProto:
    """A graph from ``window`` (batch, …) to ``logits`` (batch, classes)."""
    window = helper.make_tensor_value_info("window", TensorProto.FLOAT, ["batch", *shape])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])
    constants = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(list(nodes), "foreign", [window], [logits], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def grid(arrays: Arrays, name: str, scale: float, zero: int, kind: type = np.uint8) -> list[str]:
    """Names of a grid's scale and zero point."""
    arrays |= {f"{name}_scale": np.float32(scale), f"{name}_zero": kind(zero)}
    return [f"{name}_scale", f"{name}_zero"]


def quantized_conv(
    arrays: Arrays, rng: np.random.Generator, name: str, features: int, channels: int, kernel: Sequence[int]
) -> list[str]:
    """Names of random int8 weights, their scales and zero points, one for each feature, and of an int32 bias."""
    arrays |= {
        f"{name}_w": rng.integers(-64, 65, (features, channels, *kernel)).astype(np.int8),
        f"{name}_ws": rng.uniform(0.002, 0.01, features).astype(np.float32),
        f"{name}_wz": np.zeros(features, np.int8),
        f"{name}_b": rng.integers(-3000, 3000, features).astype(np.int32),
    }
    return [f"{name}_w", f"{name}_ws", f"{name}_wz", f"{name}_b"]


def two_dimensional(seed: int, kind: type = np.uint8) -> onnx.ModelProto:
    """Quantised 2-D convolutions with strides, groups, one-sided padding and a pooling; ends in a dense layer."""
    rng, arrays = np.random.default_rng(seed), {}
    middle = 128 if kind is np.uint8 else 0
    first, second, third = (grid(arrays, name, 0.05, middle + 3 * i, kind) for i, name in enumerate("xyz"))
    w, ws, wz, b = quantized_conv(arrays, rng, "one", 6, 2, (3, 2))
    v, vs, vz, c = quantized_conv(arrays, rng, "two", 9, 2, (2, 3))
    u, us, uz, d = quantized_conv(arrays, rng, "three", 9, 1, (3, 3))
    arrays |= {"dense": rng.integers(-64, 65, (54, 5)).astype(np.int8), "dense_scale": np.float32(0.01)}
    arrays["dense_zero"] = np.int8(0)
    out = grid(arrays, "out", 0.3, middle, kind)
    nodes = [
        helper.make_node("QuantizeLinear", ["window", *first], ["q"]),
        helper.make_node(
            "QLinearConv",
            ["q", *first, w, ws, wz, *second, b],
            ["a"],
            pads=[1, 0, 1, 1],
            strides=[1, 2],
            kernel_shape=[3, 2],
        ),
        helper.make_node(
            "QLinearConv", ["a", *second, v, vs, vz, *third, c], ["b"], group=3, pads=[0, 1, 1, 1], kernel_shape=[2, 3]
        ),
        helper.make_node("MaxPool", ["b"], ["m"], kernel_shape=[2, 3], strides=[2, 2], pads=[0, 1, 0, 1]),
        helper.make_node(
            "QLinearConv", ["m", *third, u, us, uz, *second, d], ["e"], group=9, pads=[1, 1, 1, 1], kernel_shape=[3, 3]
        ),
        helper.make_node("Flatten", ["e"], ["f"]),
        helper.make_node("QLinearMatMul", ["f", *second, "dense", "dense_scale", "dense_zero", *out], ["g"]),
        helper.make_node("DequantizeLinear", ["g", *out], ["logits"]),
    ]
    return model(nodes, arrays, (2, 4, 12), 5)


def qdq(seed: int, kind: type = np.uint8) -> onnx.ModelProto:
    """The QDQ form: convolutions, an addition, a concatenation, poolings, a dense layer and a softmax."""
    rng, arrays = np.random.default_rng(seed), {}
    middle = 0 if kind is np.int8 else 128
    nodes: list[onnx.NodeProto] = []

    def quantized(name: str, scale: float, zero: int) -> str:
        names = grid(arrays, f"{name}_grid", scale, zero, kind)
        nodes.append(helper.make_node("QuantizeLinear", [name, *names], [f"{name}_q"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *names], [f"{name}_d"]))
        return f"{name}_d"

    def conv(name: str, source: str, scale: float, shape: tuple[int, ...], groups: int) -> None:
        w, ws, wz, b = quantized_conv(arrays, rng, name, shape[0], shape[1], shape[2:])
        arrays[f"{name}_bs"] = (np.float32(scale) * arrays[ws]).astype(np.float32)
        arrays[f"{name}_bz"] = np.zeros(shape[0], np.int32)
        nodes.append(helper.make_node("DequantizeLinear", [w, ws, wz], [f"{name}_wd"], axis=0))
        nodes.append(helper.make_node("DequantizeLinear", [b, f"{name}_bs", f"{name}_bz"], [f"{name}_bd"], axis=0))
        inputs = [source, f"{name}_wd", f"{name}_bd"]
        nodes.append(helper.make_node("Conv", inputs, [name], pads=[1, 1], group=groups, kernel_shape=[3]))

    window = quantized("window", 0.04, middle)
    conv("one", window, 0.04, (8, 3, 3), 1)
    nodes.append(helper.make_node("Relu", ["one"], ["positive"]))
    left = quantized("positive", 0.1, middle - 100)
    conv("two", left, 0.1, (8, 4, 3), 2)
    right = quantized("two", 0.15, middle)
    nodes.append(helper.make_node("Add", [left, right], ["sum"]))
    total = quantized("sum", 0.2, middle - 5)
    nodes.append(helper.make_node("AveragePool", [total], ["pooled"], kernel_shape=[3], strides=[2], pads=[1, 0]))
    nodes.append(helper.make_node("MaxPool", [total], ["most"], kernel_shape=[3], strides=[2], pads=[1, 0]))
    nodes.append(helper.make_node("Concat", ["pooled", "most"], ["both"], axis=1))
    nodes.append(helper.make_node("GlobalAveragePool", ["both"], ["mean"]))
    nodes.append(helper.make_node("Flatten", ["mean"], ["flat"]))
    flat = quantized("flat", 0.1, middle)
    dense = rng.integers(-64, 65, (5, 16)).astype(np.int8)
    arrays |= {"dense": dense, "dense_s": np.float32(0.01137), "dense_z": np.int8(0)}
    nodes.append(helper.make_node("DequantizeLinear", ["dense", "dense_s", "dense_z"], ["dense_d"]))
    arrays |= {
        "db": rng.integers(-99, 99, 5).astype(np.int32),
        "dbs": np.float32(0.1) * np.float32(0.01137),
        "dbz": np.int32(0),
    }
    nodes.append(helper.make_node("DequantizeLinear", ["db", "dbs", "dbz"], ["db_d"]))
    nodes.append(helper.make_node("Gemm", [flat, "dense_d", "db_d"], ["scores"], transB=1))
    scores = quantized("scores", 0.0471, middle)
    nodes.append(helper.make_node("Softmax", [scores], ["logits"], axis=-1))
    return model(nodes, arrays, (3, 22), 5)


def residual(seed: int) -> onnx.ModelProto:
    """A float convolution that is read twice: shifted, by the next one, and again by the sum behind that."""
    rng = np.random.default_rng(seed)
    arrays = {
        "w": rng.normal(size=(4, 3, 3)).astype(np.float32),
        "v": rng.normal(size=(4, 4, 1)).astype(np.float32),
        "shift": rng.normal(size=(4, 1)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["window", "w"], ["stem"], kernel_shape=[3], pads=[1, 1]),
        helper.make_node("Sub", ["stem", "shift"], ["shifted"]),
        helper.make_node("Conv", ["shifted", "v"], ["branch"], kernel_shape=[1]),
        helper.make_node("Add", ["branch", "stem"], ["joined"]),
        helper.make_node("GlobalAveragePool", ["joined"], ["averaged"]),
        helper.make_node("Flatten", ["averaged"], ["logits"], axis=1),
    ]
    return model(nodes, arrays, (3, 12), 4)
