"""The peer TensorFlow Lite for Microcontrollers (Apache-2.0): its wheel runs on this computer and says what it needs.

An int8 net is written as TFLite: the same weights and grids, activations shifted from 0…255 to -128…127. Its kernels
round twice where ours round once, so answers are alike but not equal, and instructions cannot be counted: only
memory is compared. Of its arena only the head counts, the tensors and scratch; the tail holds pointers, which are
half as wide on a microcontroller.
"""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from export import integer
from export import steps as s
from export.integer import Grid, Int8Net, Linear, Mean
from export.steps import Floats

_RUN = """
import sys, numpy as np
from tflite_micro import runtime
interpreter = runtime.Interpreter.from_file("net.tflite", arena_size=1 << 22)
answers = []
for window in np.load("windows.npy"):
    interpreter.set_input(window[None], 0)
    interpreter.invoke()
    answers.append(interpreter.get_output(0).reshape(-1))
np.save("answers.npy", answers)
interpreter.print_allocations()
"""


def has_tflm() -> bool:
    """Whether the wheel is installed."""
    return importlib.util.find_spec("tflite_micro") is not None


def can_be_tflite(net: Int8Net) -> bool:
    """Whether TFLite has a layer for each: it has no convolution around a ring, nor one that reads copies."""
    return not any(isinstance(layer, Linear) and layer.circular for layer in net.layers) and net.entry.copies == 1


def head_bytes(net: Int8Net, windows: Floats) -> tuple[int, float]:
    """Bytes of tensors and scratch in the arena, and the share of windows that get the same class as from ``net``."""
    entered = net.entry.apply(integer.enter(net.front, windows))
    wanted = integer.after(net, entered)
    shifted = (entered.transpose(0, 2, 1)[:, None].astype(np.int16) - 128).astype(np.int8)
    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "net.tflite").write_bytes(tflite(net, shifted.shape[1:], wanted))
        np.save(place / "windows.npy", shifted)
        done = subprocess.run([sys.executable, "-c", _RUN], cwd=place, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        answers = np.load(place / "answers.npy")
    found = re.search(r"Arena allocation head (\d+) bytes", done.stdout + done.stderr)
    assert found is not None, done.stderr
    return int(found[1]), float((answers.argmax(1) == wanted.argmax(1)).mean())


def tflite(net: Int8Net, shape: tuple[int, ...], logits: Floats) -> bytes:
    """The integer layers as TFLite; ``shape`` (1, time, channels) enters, ``logits`` span the last grid."""
    from tflite_micro.tensorflow.lite.micro.compression import model_editor as editor
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    pen = _Pen(editor, schema, _Pen.grid_of(logits))
    last = first = pen.tensor((1, *shape), net.entry.grid)
    for layer in net.layers:
        last = pen.draw(layer, last)
    graph = editor.Subgraph(tensors=pen.tensors, operators=pen.operators, inputs=[first], outputs=[last])
    return bytes(editor.Model(subgraphs=[graph]).build())


class _Pen:
    """Tensors and operators so far; every tensor is (1, 1, time, channels)."""

    def __init__(self, editor: Any, schema: Any, leaves: Grid) -> None:
        self.editor, self.schema, self.leaves = editor, schema, leaves
        self.tensors: list[Any] = []
        self.operators: list[Any] = []

    @staticmethod
    def grid_of(values: Floats) -> Grid:
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        scale = np.float32((high - low) / 255)
        return Grid(scale, round(-low / float(scale)))

    def tensor(self, shape: tuple[int, ...], grid: Grid) -> Any:
        scale = self.editor.Quantization(float(grid.scale), grid.zero - 128)
        return self._kept(self.editor.Tensor(shape=shape, dtype=self.schema.TensorType.INT8, quantization=scale))

    def draw(self, layer: integer.Layer, source: Any) -> Any:
        _, _, time, channels = source.shape
        match layer:
            case Linear():
                return self._linear(layer, source)
            case Mean():
                options = self.schema.ReducerOptionsT()
                options.keepDims = True
                over = self._constant(np.array([1, 2], np.int32), [], 0)
                shape = (1, 1, 1, channels)
                return self._operator("MEAN", [source, over], shape, layer.target or self.leaves, options)
            case s.MaxPool(_, size):
                options = self.schema.Pool2DOptionsT()
                options.filterWidth = options.strideW = size
                options.filterHeight = options.strideH = 1
                options.padding = self.schema.Padding.VALID
                scale = source.quantization
                grid = Grid(np.float32(scale.scales), scale.zero_points + 128)
                return self._operator("MAX_POOL_2D", [source], (1, 1, time // size, channels), grid, options)
            case _:
                raise ValueError(f"{type(layer).__name__} has no form in TFLite here")

    def _linear(self, layer: Linear, source: Any) -> Any:
        _, _, time, channels = source.shape
        features, _, size = layer.weights.shape
        outputs = -(-time // layer.stride)
        total = max((outputs - 1) * layer.stride + size - time, 0)
        assert layer.pads == (total // 2, total - total // 2), "TFLite knows no other padding"
        deep = layer.groups == channels > 1
        assert deep or layer.groups == 1, "TFLite's small kernels know no groups"
        schema = self.schema
        options = schema.DepthwiseConv2DOptionsT() if deep else schema.Conv2DOptionsT()
        options.strideW = options.strideH = layer.stride
        options.padding = schema.Padding.SAME
        if deep:
            options.depthMultiplier = features // channels
        weights = layer.weights[:, 0].T[None, None] if deep else layer.weights.transpose(0, 2, 1)[:, None]
        scales = layer.weight_scale.astype(float).tolist()
        held = self._constant(weights, scales, 3 if deep else 0)
        bias = self._constant(layer.bias, [float(layer.source.scale) * one for one in scales], 0)
        kind = "DEPTHWISE_CONV_2D" if deep else "CONV_2D"
        return self._operator(
            kind, [source, held, bias], (1, 1, outputs, features), layer.target or self.leaves, options
        )

    def _constant(self, array: np.ndarray, scales: list[float], axis: int) -> Any:
        kind = self.schema.TensorType.INT8 if array.dtype == np.int8 else self.schema.TensorType.INT32
        scale = self.editor.Quantization(scales, [0] * len(scales), axis)
        data = np.ascontiguousarray(array)
        return self._kept(self.editor.Tensor(shape=data.shape, dtype=kind, data=data, quantization=scale))

    def _operator(self, kind: str, inputs: list[Any], shape: tuple[int, ...], grid: Grid, options: Any) -> Any:
        made = self.tensor(shape, grid)
        operator = self.editor.Operator(
            opcode=getattr(self.schema.BuiltinOperator, kind), inputs=inputs, outputs=[made]
        )
        operator._fb.builtinOptions = options
        name = type(options).__name__.removesuffix("T")
        operator._fb.builtinOptionsType = getattr(self.schema.BuiltinOptions, name)
        self.operators.append(operator)
        return made

    def _kept(self, tensor: Any) -> Any:
        self.tensors.append(tensor)
        return tensor
