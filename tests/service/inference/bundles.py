"""Small real bundles whose answers depend on the window, and how they come into a catalogue."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from onnx import NodeProto, TensorProto, helper, numpy_helper

from service.blobs import Blobs
from service.catalogue import channels, models
from service.catalogue.engine import Catalogue
from service.clock import now_us
from service.domain import Lineage, NewVersion
from slipway.bundle import samples
from slipway.bundle.archive import pack, read
from slipway.bundle.manifest import GRAPH, SELF_TEST_INPUTS, SELF_TEST_OUTPUTS, Manifest, file_entry
from slipway.bundle.runtime import Runtime
from slipway.spec import Channel, SensorSpec, TaskSpec

SENSOR = SensorSpec((Channel("left", "m"), Channel("right", "m")), 10.0, 3)
CLASSES = ("go", "stop", "turn")


def task_of(model: str, sensor: SensorSpec = SENSOR, classes: Sequence[str] = CLASSES) -> TaskSpec:
    """A question about a window of ``sensor``."""
    return TaskSpec(model, sensor, tuple(classes))


def windows(count: int, seed: int = 0, sensor: SensorSpec = SENSOR) -> np.ndarray:
    """Random windows (count, time, channels)."""
    return np.random.default_rng(seed).normal(size=(count, *sensor.window_shape)).astype(np.float32)


def dense(task: TaskSpec, seed: int, ballast: int = 0) -> bytes:
    """A graph of one product: the logits of any window, other ones for every ``seed``; ``ballast`` bytes are unused."""
    rng = np.random.default_rng(seed)
    inputs, outputs = int(np.prod(task.sensor.window_shape)), task.answer_size
    arrays = {
        "weights": rng.normal(size=(inputs, outputs)).astype(np.float32),
        "bias": rng.normal(size=outputs).astype(np.float32),
        "ballast": rng.integers(0, 256, ballast, np.uint8),
    }
    nodes = [
        helper.make_node("Flatten", ["window"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
    ]
    return graph(task, nodes, arrays)


def batch_dependent(task: TaskSpec, seed: int) -> bytes:
    """A graph whose answer to a window depends on what else is in the batch, as rounding in another order would."""
    rng = np.random.default_rng(seed)
    inputs, outputs = int(np.prod(task.sensor.window_shape)), task.answer_size
    arrays = {"weights": rng.normal(size=(inputs, outputs)).astype(np.float32), "all": np.array([0], np.int64)}
    nodes = [
        helper.make_node("Flatten", ["window"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["product"]),
        helper.make_node("ReduceMean", ["product", "all"], ["mean"], keepdims=1),
        helper.make_node("Add", ["product", "mean"], ["logits"]),
    ]
    return graph(task, nodes, arrays)


def graph(task: TaskSpec, nodes: list[NodeProto], arrays: dict[str, np.ndarray]) -> bytes:
    """An ONNX file from "window" to "logits"."""
    window = helper.make_tensor_value_info("window", TensorProto.FLOAT, ["batch", *task.sensor.window_shape])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", task.answer_size])
    initialisers = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    made = helper.make_graph(nodes, "small", [window], [logits], initialisers)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()


def bundle(onnx: bytes, task: TaskSpec, version: int = 1, fault: float = 0.0) -> bytes:
    """A bundle of a graph; ``fault`` is added to what its self-test promises."""
    inputs = windows(4, 99, task.sensor)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    alone = [session.run(None, {"window": inputs[i : i + 1]})[0] for i in range(4)]
    files = {
        "graph.onnx": onnx,
        "inputs.npy": samples.encode(inputs),
        "outputs.npy": samples.encode(np.concatenate(alone) + np.float32(fault)),
    }
    roles = {"graph.onnx": GRAPH, "inputs.npy": SELF_TEST_INPUTS, "outputs.npy": SELF_TEST_OUTPUTS}
    entries = {name: file_entry(roles[name], data) for name, data in files.items()}
    manifest = Manifest(
        task.name, str(version), task, "float", entries, self_test_tolerance=10.0 if not fault else 1e-4
    )
    return pack(manifest, files)


def device(content: bytes) -> Runtime:
    """What a device makes of a bundle."""
    return Runtime(read(content))


def alone(content: bytes, values: np.ndarray) -> np.ndarray:
    """A device's logits of windows, one window at a time."""
    runtime = device(content)
    return np.concatenate([runtime.logits(value[None]) for value in values])


def publish(catalogue: Catalogue, blobs: Blobs, content: bytes | None, task: TaskSpec, channel: str = "") -> int:
    """Enter a version of the model that the task is named after, with a bundle or none; return its number.

    Args:
        channel: points at it from now on; none if empty.
    """
    new = NewVersion(task.name, task.to_json(), Lineage("small"), 1, {})
    stored = {} if content is None else {models.BUNDLE: (blobs.put(content), len(content))}
    number = int(catalogue.write(models.add_version, new, stored, "job", now_us()).rpartition("/")[2])
    if channel:
        point(catalogue, task.name, channel, number)
    return number


def point(catalogue: Catalogue, model: str, channel: str, number: int) -> None:
    """Let a channel point at a version."""
    catalogue.write(channels.point, model, channel, number, "", True, now_us())
