"""Small real bundles: a linear model of two classes whose answer says which version it is."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from slipway.bundle import samples
from slipway.bundle.archive import pack
from slipway.bundle.manifest import GRAPH, SELF_TEST_INPUTS, SELF_TEST_OUTPUTS, Manifest, file_entry
from slipway.spec import Channel, SensorSpec, TaskSpec

SENSOR = SensorSpec((Channel("left", "m"), Channel("right", "m")), 10.0, 3)
CLASSES = ("odd", "even")
WINDOW = [[0.0, 0.0]] * 3


def bundle(
    version: int,
    *,
    model: str = "rover",
    ballast: int = 0,
    fault: float = 0.0,
    task: TaskSpec | None = None,
    front: str = "",
) -> bytes:
    """A bundle that answers "even" for an even ``version`` and "odd" for an odd one, whatever it is asked.

    Args:
        front: "Sqrt" or "Relu": this of every sample, and then numbers that depend on it; the self-test knows positive
            samples only.
        ballast: bytes to add, so that a download takes a while.
        fault: added to the promised outputs of the self-test.
    """
    bias = np.array([0.0, 1.0] if version % 2 == 0 else [1.0, 0.0], np.float32) + version
    draw = np.random.default_rng(version)
    inputs = draw.normal(size=(4, *SENSOR.window_shape)).astype(np.float32)
    weights = np.zeros((6, 2), np.float32)
    if front:
        inputs, weights = np.abs(inputs), draw.normal(size=(6, 2)).astype(np.float32)
    fronted = np.sqrt(inputs) if front == "Sqrt" else inputs
    outputs = fronted.reshape(4, 6) @ weights + bias + np.float32(fault)
    files = {
        "graph.onnx": _graph(weights, bias, ballast, front or "Identity"),
        "inputs.npy": samples.encode(inputs),
        "outputs.npy": samples.encode(outputs),
    }
    roles = {"graph.onnx": GRAPH, "inputs.npy": SELF_TEST_INPUTS, "outputs.npy": SELF_TEST_OUTPUTS}
    manifest = Manifest(
        model=model,
        version=str(version),
        task=task or TaskSpec(model, SENSOR, CLASSES),
        precision="float",
        files={name: file_entry(roles[name], data) for name, data in files.items()},
        self_test_tolerance=1e-4,
    )
    return pack(manifest, files)


def _graph(weights: np.ndarray, bias: np.ndarray, ballast: int, front: str) -> bytes:
    filler = np.random.default_rng(0).integers(0, 256, ballast, np.uint8)
    nodes = [
        helper.make_node(front, ["window"], ["fronted"]),
        helper.make_node("Flatten", ["fronted"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
    ]
    window = helper.make_tensor_value_info("window", TensorProto.FLOAT, ["batch", 3, 2])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])
    arrays = {"weights": weights, "bias": bias, "filler": filler}
    initialisers = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "linear", [window], [logits], initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return model.SerializeToString()
