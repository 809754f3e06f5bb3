"""int8 against float on a device: one window at a time on one thread, and bytes on disk.

The net is the CNN of AdaTime at about 100 k parameters, 9 channels by 128 samples. Its numbers are random: neither time
nor size depends on them. Both graphs run in turns in one process, so that the ratio holds on a busy machine.
"""

import time

import numpy as np
import onnxruntime

from export.calibration import quantize
from export.float_onnx import float_onnx
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from nets import layers as records
from nets.architectures import cnn
from nets.model import Model, parameter_count
from slipway.spec import Channel, SensorSpec, TaskSpec

ROUNDS = 200
RUNS = 20  # windows in a row of one graph before the other's turn


def run() -> list[dict]:
    """Median seconds per window and file size, int8 against float."""
    made = _model()
    windows = np.random.default_rng(1).normal(size=(64, *made.task.sensor.window_shape)).astype(np.float32)
    graphs = [to_bytes(int8_onnx(quantize(fold(made), windows).net, made.task)), to_bytes(float_onnx(made))]
    int8_us, float_us = _latencies_us(graphs, windows[:1])
    int8_bytes, float_bytes = map(len, graphs)
    return [
        _record("edge_int8_latency_ratio", int8_us, "us per window", float_us),
        _record("edge_int8_size_ratio", int8_bytes, "bytes", float_bytes),
        _record("edge_int8_bytes_per_parameter", int8_bytes / parameter_count(made), "bytes", 4.0),
    ]


def _model() -> Model:
    channels = tuple(Channel(f"channel_{index}", "1") for index in range(9))
    task = TaskSpec("activity", SensorSpec(channels, 50.0, 128), tuple("abcdef"))
    layers = cnn(task, widths=(64, 96, 64))
    rng = np.random.default_rng(0)
    shapes = records.all_array_shapes(layers, task.sensor.window_shape)
    arrays = {name: rng.uniform(0.5, 1.5, shape).astype(np.float32) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        if name.endswith("kernel"):
            arrays[name] = rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype(np.float32)
    return Model(task, layers, arrays)


def _latencies_us(graphs: list[bytes], window: np.ndarray) -> list[float]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    sessions = [onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"]) for graph in graphs]
    seconds: list[list[float]] = [[] for _ in sessions]
    for _ in range(ROUNDS):
        for session, found in zip(sessions, seconds, strict=True):
            start = time.perf_counter()
            for _ in range(RUNS):
                session.run(None, {"window": window})
            found.append((time.perf_counter() - start) / RUNS)
    return [float(np.median(found)) * 1e6 for found in seconds]


def _record(name: str, value: float, unit: str, reference: float) -> dict:
    return {"name": name, "value": value, "unit": unit, "reference": reference, "ratio": value / reference}
