import json

import numpy as np
import onnx
import pytest

from export.float_onnx import float_onnx
from export.graph import OPSET, to_bytes
from export.proof import run
from nets.inference import logits
from slipway.spec import TaskSpec
from tests.export import oracle
from tests.export.examples import NETS, example, windows


@pytest.mark.parametrize("name", NETS)
def test_onnx_runtime_equals_jax_and_the_oracle(name):
    made = example(name)
    values = windows(made, 9)
    found = run(to_bytes(float_onnx(made)), values)
    np.testing.assert_allclose(found, logits(made, values), atol=2e-5, rtol=2e-5)
    np.testing.assert_allclose(found, oracle.float_logits(made, values), atol=2e-5, rtol=2e-5)


def test_the_batch_is_free():
    made = example("cnn")
    graph = to_bytes(float_onnx(made))
    values = windows(made, 7)
    one_by_one = np.concatenate([run(graph, values[at : at + 1]) for at in range(7)])
    np.testing.assert_allclose(run(graph, values), one_by_one, atol=1e-6)


def test_equal_models_give_equal_bytes():
    assert to_bytes(float_onnx(example("separable"))) == to_bytes(float_onnx(example("separable")))


def test_the_file_says_what_it_is():
    made = example("ring")
    found = float_onnx(made)
    properties = {row.key: row.value for row in found.metadata_props}
    assert properties["slipway.precision"] == "float"
    assert TaskSpec.from_json(json.loads(properties["slipway.task"])) == made.task
    assert [(row.domain, row.version) for row in found.opset_import] == [("", OPSET)]
    assert [value.name for value in found.graph.input] == ["window"]
    assert [value.name for value in found.graph.output] == ["logits"]


def test_learned_numbers_are_raw_bytes():
    tensors = float_onnx(example("cnn")).graph.initializer
    assert tensors and all(isinstance(t, onnx.TensorProto) and t.raw_data and not t.float_data for t in tensors)
