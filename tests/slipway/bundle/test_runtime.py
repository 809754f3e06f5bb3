import io
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper

from slipway.bundle.archive import pack, read
from slipway.bundle.manifest import file_entry
from slipway.bundle.runtime import Runtime
from slipway.errors import Reason, Refused
from tests.slipway.bundle import attacks
from tests.slipway.bundle.attacks import GOLDEN, MANIFEST


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime(read(GOLDEN))


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_the_golden_bundle_passes_its_self_test_exactly(runtime):
    assert runtime.self_test() == 0


def test_logits_of_many_windows_are_those_of_each(runtime):
    windows = np.random.default_rng(0).normal(size=(600, 8, 2)).astype(np.float32)
    alone = np.concatenate([runtime.logits(window[None]) for window in windows[:20]])
    np.testing.assert_array_equal(runtime.logits(windows)[:20], alone)
    assert runtime.logits(windows).shape == (600, 3)


def test_no_windows_give_no_logits(runtime):
    assert runtime.logits(np.empty((0, 8, 2), np.float32)).shape == (0, 3)


def test_an_answer_is_a_class_and_its_probabilities(runtime):
    window = runtime.bundle.inputs[0]
    name, probabilities = runtime.answer(window)
    assert name == MANIFEST["task"]["classes"][int(runtime.bundle.outputs[0].argmax())]
    assert probabilities.shape == (3,) and abs(probabilities.sum() - 1) < 1e-6
    assert runtime.task.classes[int(probabilities.argmax())] == name


@pytest.mark.parametrize(
    ("windows", "reason"),
    [
        (np.zeros((1, 2, 8)), Reason.WINDOW_SHAPE_MISMATCH),
        (np.zeros((8, 2)), Reason.WINDOW_SHAPE_MISMATCH),
        (np.full((1, 8, 2), np.nan), Reason.SAMPLE_NOT_FINITE),
        (np.full((1, 8, 2), np.inf), Reason.SAMPLE_NOT_FINITE),
    ],
)
def test_windows_that_the_sensor_cannot_give_are_refused(runtime, windows, reason):
    with pytest.raises(Refused) as refused:
        runtime.logits(windows)
    assert refused.value.reason is reason


def test_a_device_that_computes_something_else_refuses_the_model():
    data = attacks.with_file("self_test_outputs.npy", npy(read(GOLDEN).outputs + np.float32(0.01)))
    with pytest.raises(Refused) as refused:
        Runtime(read(data)).self_test()
    assert refused.value.reason is Reason.SELF_TEST_FAILED


def test_a_graph_that_gives_no_number_fails_its_self_test():
    graph = onnx.ModelProto.FromString(attacks.FILES["graph.onnx"])
    last = graph.graph.node[-1]
    last.output[0] = "fine"
    graph.graph.node.append(helper.make_node("Sub", ["fine", "fine"], ["zero"]))
    graph.graph.node.append(helper.make_node("Div", ["zero", "zero"], ["logits"]))
    data = attacks.with_file("graph.onnx", graph.SerializeToString())
    with pytest.raises(Refused) as refused:
        Runtime(read(data)).self_test()
    assert refused.value.reason is Reason.SELF_TEST_FAILED


@pytest.mark.parametrize("graph", [b"", b"\x08\x0a"])
def test_a_graph_that_cannot_be_loaded_is_refused(graph):
    with pytest.raises(Refused) as refused:
        Runtime(read(attacks.with_file("graph.onnx", graph)))
    assert refused.value.reason is Reason.BUNDLE_UNUSABLE


def test_a_graph_with_other_inputs_is_refused():
    graph = onnx.ModelProto.FromString(attacks.FILES["graph.onnx"])
    graph.graph.input[0].name = graph.graph.node[0].input[0] = "x"
    with pytest.raises(Refused) as refused:
        Runtime(read(attacks.with_file("graph.onnx", graph.SerializeToString())))
    assert refused.value.reason is Reason.BUNDLE_UNUSABLE


def test_a_task_with_more_classes_than_the_graph_is_refused():
    before = read(GOLDEN)
    task = replace(before.manifest.task, classes=("one", "two", "three", "four"))
    outputs = npy(np.zeros((4, 4), np.float32))
    files = {**before.manifest.files, "self_test_outputs.npy": file_entry("self_test_outputs", outputs)}
    manifest = replace(before.manifest, task=task, files=files)
    with pytest.raises(Refused) as refused:
        Runtime(read(pack(manifest, {**before.files, "self_test_outputs.npy": outputs})))
    assert refused.value.reason is Reason.BUNDLE_UNUSABLE
