"""Graphs from elsewhere: what becomes a model, what can only be run, what is refused and by which node's name."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from export import steps as s
from export.calibration import quantize
from export.float_onnx import float_onnx
from export.folding import fold
from export.graph import to_bytes
from export.importing import Imported, read_graph
from export.int8 import int8_onnx
from export.package import export, pack_graph
from export.proof import run
from nets.inference import logits
from nets.layers import Conv, Normalize
from slipway.bundle import archive
from slipway.bundle.runtime import Runtime
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from tests.export.examples import NETS, example, task, windows

TASK = task((32, 6), 4)
RNG = np.random.default_rng(0)
WEIGHTS = {
    "w1": RNG.normal(size=(8, 6, 5)).astype(np.float32) / 5,
    "b1": RNG.normal(size=8).astype(np.float32),
    "gamma": RNG.uniform(0.5, 2, 8).astype(np.float32),
    "beta": RNG.normal(size=8).astype(np.float32),
    "mean": RNG.normal(size=8).astype(np.float32),
    "variance": RNG.uniform(0.5, 2, 8).astype(np.float32),
    "w2": RNG.normal(size=(12, 8, 3)).astype(np.float32) / 5,
    "w3": RNG.normal(size=(4, 12)).astype(np.float32),
    "b3": RNG.normal(size=4).astype(np.float32),
    "w4": RNG.normal(size=(96, 4)).astype(np.float32) / 10,
}
Node = tuple[str, list[str], str, dict[str, Any]]
# As a training framework writes it: channels first, symmetric pads around a stride, weights of dense layers turned.
NODES: list[Node] = [
    ("Conv", ["x", "w1", "b1"], "c1", {"kernel_shape": [5], "pads": [2, 2], "strides": [2]}),
    ("BatchNormalization", ["c1", "gamma", "beta", "mean", "variance"], "n1", {}),
    ("Relu", ["n1"], "r1", {}),
    ("MaxPool", ["r1"], "p1", {"kernel_shape": [2], "strides": [2]}),
    ("Conv", ["p1", "w2"], "c2", {"kernel_shape": [3], "pads": [1, 1]}),
    ("Relu", ["c2"], "r2", {}),
    ("GlobalAveragePool", ["r2"], "g", {}),
    ("Flatten", ["g"], "f", {"axis": 1}),
    ("Gemm", ["f", "w3", "b3"], "y", {"transB": 1}),
]


def graph(
    nodes: Sequence[Node] = NODES,
    shape: Sequence[Any] = ("batch", 6, 32),
    classes: Any = 4,
    opset: int = 17,
    output: str = "y",
    **extra: np.ndarray,
) -> bytes:
    made = [helper.make_node(kind, inputs, [name], name, **options) for kind, inputs, name, options in nodes]
    used = {name for _, inputs, _, _ in nodes for name in inputs}
    weights = [numpy_helper.from_array(array, name) for name, array in {**WEIGHTS, **extra}.items() if name in used]
    ends = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", classes])]
    body = helper.make_graph(
        made, "foreign", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)], ends, weights
    )
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", opset)], ir_version=9).SerializeToString()


def original(data: bytes, values: np.ndarray) -> np.ndarray:
    session = ReferenceEvaluator(onnx.load_from_string(data))
    return np.asarray(session.run(None, {"x": np.ascontiguousarray(values.transpose(0, 2, 1))})[0])


def imported(data: bytes, asked: TaskSpec = TASK, **options: Any) -> Imported:
    return read_graph(data, asked, **options)


def refused(data: bytes, asked: TaskSpec = TASK, **options: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        read_graph(data, asked, **options)
    return caught.value


@pytest.mark.parametrize("name", NETS)
def test_our_own_graph_comes_back_as_a_model_with_equal_logits(name: str) -> None:
    made = example(name)
    found = imported(to_bytes(float_onnx(made)), made.task, layout="time_channels")
    values = windows(made, 20)
    assert found.model is not None and found.obstacle == "" and found.precision == "float"
    np.testing.assert_array_equal(s.run(fold(found.model), values), s.run(fold(made), values))
    np.testing.assert_allclose(run(found.graph, values), s.run(fold(made), values), rtol=1e-4, atol=1e-5)


def test_a_foreign_net_becomes_a_model_that_answers_as_its_graph() -> None:
    found = imported(graph())
    values = RNG.normal(size=(20, 32, 6)).astype(np.float32)
    assert found.model is not None and isinstance(found.model.layers[0], Normalize)
    wanted = original(graph(), values)
    np.testing.assert_allclose(logits(found.model, values), wanted, atol=1e-5)
    np.testing.assert_allclose(run(found.graph, values), wanted, atol=1e-5)


def test_such_a_model_is_quantized_and_packed_like_one_of_ours() -> None:
    model = imported(graph()).model
    assert model is not None
    values = windows(model, 300)
    made = export(
        model,
        calibration_values=values[:200],
        proof_values=values[200:],
        self_test_values=values[:4],
        lineage={},
        version="1",
        reference=lambda model, values: s.run(fold(model), values),
    )
    assert Runtime(archive.read(made.bundle)).self_test() == 0 and made.int8_onnx is not None


def test_other_pads_around_a_stride_are_met_by_zeros_in_the_kernel() -> None:
    model = imported(graph()).model
    assert model is not None
    first = next(layer for layer in model.layers if isinstance(layer, Conv))
    assert (first.size, first.stride) == (6, 2)  # ours begins one sample earlier than a kernel of 5 would


VARIANTS: dict[str, tuple[list[Node], dict[str, np.ndarray]]] = {
    "softmax at the end": ([*NODES[:-1], (*NODES[-1][:2], "z", NODES[-1][3]), ("Softmax", ["z"], "y", {})], {}),
    "a product and a sum": (
        [*NODES[:-1], ("MatMul", ["f", "turned"], "z", {}), ("Add", ["z", "b3"], "y", {})],
        {"turned": WEIGHTS["w3"].T.copy()},
    ),
    "the mean spelt out": (
        [*NODES[:6], ("ReduceMean", ["r2"], "f", {"axes": [2], "keepdims": 0}), NODES[-1]],
        {},
    ),
    "no pooling over time": (
        [*NODES[:6], ("Reshape", ["r2", "flat"], "f", {}), ("Gemm", ["f", "w4", "b3"], "y", {})],
        {"flat": np.array([0, -1], np.int64)},
    ),
    "averages of parts": (
        [*NODES[:3], ("AveragePool", ["r1"], "p1", {"kernel_shape": [2], "strides": [2]}), *NODES[4:]],
        {},
    ),
    "a scaling of the input": (
        [
            ("Mul", ["x", "gain"], "m", {}),
            ("Add", ["m", "shift"], "a", {}),
            ("Conv", ["a", "w1", "b1"], "c1", NODES[0][3]),
            *NODES[1:],
        ],
        {"gain": RNG.uniform(1, 2, (1, 6, 1)).astype(np.float32), "shift": RNG.normal(size=(6, 1)).astype(np.float32)},
    ),
    "dropout and identity": (
        [
            *NODES[:-2],
            ("Identity", ["g"], "i", {}),
            ("Dropout", ["i"], "d", {}),
            ("Flatten", ["d"], "f", {}),
            NODES[-1],
        ],
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_other_ways_to_write_the_same_layers(name: str) -> None:
    nodes, extra = VARIANTS[name]
    found = imported(graph(nodes, **extra))
    values = RNG.normal(size=(9, 32, 6)).astype(np.float32)
    assert found.model is not None, found.obstacle
    without = nodes[:-1] if nodes[-1][0] == "Softmax" else nodes
    wanted = original(graph(without, output=without[-1][2], **extra), values)
    np.testing.assert_allclose(s.run(fold(found.model), values), wanted, atol=1e-4)


RUNNABLE: dict[str, tuple[list[Node], str]] = {
    "a branch": (
        [*NODES[:6], ("Add", ["r2", "c2"], "s", {}), ("GlobalAveragePool", ["s"], "g", {}), *NODES[7:]],
        "s (Add)",
    ),
    "another activation": ([*NODES[:5], ("Tanh", ["c2"], "r2", {}), *NODES[6:]], "r2 (Tanh)"),
    "no padding": ([("Conv", ["x", "w1"], "c1", {"kernel_shape": [5]}), *NODES[1:]], "c1 (Conv)"),
    "gaps": (
        [("Conv", ["x", "w1"], "c1", {"kernel_shape": [5], "dilations": [2], "pads": [4, 4]}), *NODES[1:]],
        "c1 (Conv)",
    ),
    "parts that overlap": (
        [*NODES[:3], ("MaxPool", ["r1"], "p1", {"kernel_shape": [3], "strides": [2]}), *NODES[4:]],
        "p1 (MaxPool)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNNABLE)
def test_what_no_layer_describes_becomes_a_bundle_only_and_the_node_is_named(name: str) -> None:
    nodes, node = RUNNABLE[name]
    data = graph(nodes)
    found = imported(data)
    values = RNG.normal(size=(9, 32, 6)).astype(np.float32)
    assert found.model is None and node in found.obstacle
    described = {"model": "foreign", "version": "1", "task": TASK, "precision": found.precision}
    runtime = Runtime(archive.read(pack_graph(found.graph, values[:4], **described)))
    assert runtime.self_test() == 0
    np.testing.assert_allclose(runtime.logits(values), original(data, values), atol=1e-5)


def test_an_int8_graph_becomes_a_bundle_only() -> None:
    made = example("cnn")
    data = to_bytes(int8_onnx(quantize(fold(made), windows(made, 64)).net, made.task))
    found = imported(data, made.task)
    assert found.model is None and found.precision == "int8" and "entry.bytes" in found.obstacle
    np.testing.assert_array_equal(run(found.graph, windows(made, 9)), run(data, windows(made, 9)))


def rewritten(edit: Callable[[onnx.ModelProto], None]) -> bytes:
    model = onnx.load_from_string(graph())
    edit(model)
    return bytes(model.SerializeToString())


def _external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _domain(model: onnx.ModelProto) -> None:
    model.graph.node[2].domain = "com.example"


REFUSED: dict[str, tuple[bytes, Reason, str]] = {
    "an operator outside the set": (
        graph([*NODES[:5], ("Gelu", ["c2"], "r2", {}), *NODES[6:]], opset=20), Reason.FIELD_INVALID, "graph.node.r2",
    ),
    "a window of free length": (graph(shape=("batch", 6, "time")), Reason.FIELD_INVALID, "graph.input.x"),
    "a fixed batch": (graph(shape=(1, 6, 32)), Reason.FIELD_INVALID, "graph.input.x"),
    "another sensor": (graph(shape=("batch", 6, 64)), Reason.FIELD_INVALID, "graph.input.x"),
    "two axes": (graph([("Gemm", ["x", "w4"], "y", {})], shape=("batch", 96)), Reason.FIELD_INVALID, "graph.input.x"),
    "other classes": (
        graph([*NODES[:-1], ("Identity", ["f"], "y", {})], classes=12), Reason.FIELD_INVALID, "graph.output.y",
    ),
    "an old opset": (graph(opset=12), Reason.FIELD_INVALID, "graph.opset"),
    "external data": (rewritten(_external), Reason.BUNDLE_MALFORMED, "graph.graph.tensor"),
    "another domain": (rewritten(_domain), Reason.BUNDLE_MALFORMED, "graph.graph.node"),
    "no graph": (b"nothing", Reason.BUNDLE_MALFORMED, "graph"),
    "nothing at all": (b"", Reason.FIELD_INVALID, "graph"),
    "numbers that are not finite": (graph(b3=np.full(4, np.nan, np.float32)), Reason.FIELD_INVALID, "graph.output"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named(name: str) -> None:
    data, reason, field = REFUSED[name]
    found = refused(data)
    assert (found.reason, found.field) == (reason, field) and found.remedy


def test_a_window_as_long_as_wide_needs_its_layout_named() -> None:
    square = task((6, 6), 4)
    data = graph(shape=("batch", 6, 6))
    assert "layout" in refused(data, square).message + refused(data, square).remedy
    turned = imported(data, square, layout="channels_time")
    values = RNG.normal(size=(9, 6, 6)).astype(np.float32)
    np.testing.assert_allclose(run(turned.graph, values), original(data, values), atol=1e-5)
    assert refused(graph(), layout="time_channels").field == "graph.input.x"


def test_a_name_of_ours_inside_the_graph_does_no_harm() -> None:
    nodes = [(kind, ["window" if one == "r1" else one for one in inputs], "window" if name == "r1" else name, options)
             for kind, inputs, name, options in NODES]  # fmt: skip
    found = imported(graph(nodes))
    values = RNG.normal(size=(9, 32, 6)).astype(np.float32)
    np.testing.assert_allclose(run(found.graph, values), original(graph(), values), atol=1e-5)


def test_equal_files_give_equal_graphs() -> None:
    assert imported(graph()).graph == imported(graph()).graph
