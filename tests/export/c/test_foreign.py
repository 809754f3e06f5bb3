"""Graphs by other hands: what is in the documented set gives ONNX Runtime's numbers, all else is refused by name."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export import c
from export.graph import to_bytes
from slipway.errors import Reason, Refused
from tests.export.c import foreign
from tests.export.c.building import Built, needs_compiler
from tests.export.c.reference import answers, tensors
from tests.export.c.test_generated import exported
from tests.export.examples import change, example, windows


def _refused(model: onnx.ModelProto | bytes) -> Refused:
    with pytest.raises(Refused) as refused:
        c.generate(model if isinstance(model, bytes) else to_bytes(model))
    return refused.value


@needs_compiler
@pytest.mark.parametrize("arithmetic", ["float", "integer"])
@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_two_axes_groups_and_signed_bytes_give_every_byte(kind, arithmetic, tmp_path):
    graph = to_bytes(foreign.two_dimensional(5, kind))
    built = Built(c.generate(graph, arithmetic=arithmetic).files, tmp_path)
    values = np.random.default_rng(0).normal(0, 3, (60, 2, 4, 12)).astype(np.float32)
    np.testing.assert_array_equal(built.run(values), answers(graph, values))
    seen, wanted = built.trace(values[0]), tensors(graph, values[0])
    assert seen.keys() == wanted.keys()
    assert [name for name, array in wanted.items() if seen[name] != array.tobytes()] == []


@needs_compiler
@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_the_qdq_form_is_computed_as_it_is_written(kind, tmp_path):
    graph = to_bytes(foreign.qdq(3, kind))
    found = c.generate(graph)
    built = Built(found.files, tmp_path)
    values = np.random.default_rng(0).normal(0, 2, (200, 3, 22)).astype(np.float32)
    far = np.abs(built.run(values) - answers(graph, values, optimised=False))
    assert (far.max(axis=1) > 1e-6).mean() <= 0.01  # a sum in float may fall on the other side of a half
    assert b"conv_" in found.files["model.c"] and b"float_conv" not in found.files["model.c"]  # in integers, all three


@needs_compiler
def test_a_planted_wrong_bias_in_the_qdq_form_shows(tmp_path):
    graph = foreign.qdq(3)
    values = np.random.default_rng(0).normal(0, 2, (50, 3, 22)).astype(np.float32)

    def edit(bias: np.ndarray) -> None:
        bias += 400

    wrong = c.generate(change(graph, "two_b", edit))
    far = np.abs(Built(wrong.files, tmp_path).run(values) - answers(to_bytes(graph), values, optimised=False))
    assert (far.max(axis=1) > 1e-6).mean() > 0.1


@needs_compiler
def test_a_tensor_that_is_needed_again_is_not_written_over(tmp_path):
    graph = to_bytes(foreign.residual(2))
    values = np.random.default_rng(0).normal(0, 2, (20, 3, 12)).astype(np.float32)
    np.testing.assert_allclose(Built(c.generate(graph).files, tmp_path).run(values), answers(graph, values), atol=1e-5)


def _one(operator: str, outputs: int = 1, **attributes: object) -> onnx.ModelProto:
    names = ["logits", "more"][:outputs]
    return foreign.model([helper.make_node(operator, ["window"], names, "the_node", **attributes)], {}, (4,), 4)


@pytest.mark.parametrize("operator", ["Erf", "Cos", "Gelu", "LayerNormalization", "HardSwish"])
def test_an_operator_outside_the_set_is_refused_by_its_node_and_name(operator):
    model = _one(operator)
    model.opset_import[0].version = 21
    if operator == "LayerNormalization":
        model.graph.initializer.append(numpy_helper.from_array(np.ones(4, np.float32), "gain"))
        model.graph.node[0].input.append("gain")
    found = _refused(model)
    assert found.reason is Reason.EXPORT_UNSUPPORTED and found.field == "graph.the_node" and operator in found.message


def test_an_operator_of_another_domain_is_refused():
    model = _one("FusedGelu", domain="com.example")
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    assert "com.example" in _refused(model).message


def test_a_dynamic_length_is_refused():
    model = _one("Relu")
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "time"
    found = _refused(model)
    assert found.field == "graph.window" and "dynamic" in found.message


def test_numbers_in_another_file_are_refused():
    model = foreign.two_dimensional(1)
    tensor = next(one for one in model.graph.initializer if one.name == "one_w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    found = _refused(model)
    assert found.field == "graph.one_w" and "another file" in found.message


def test_four_bit_numbers_are_refused():
    model = _one("Relu")
    model.graph.initializer.append(helper.make_tensor("small", TensorProto.INT4, [2], [1, 2]))
    assert _refused(model).field == "graph.small"


def test_weights_that_leave_int8_without_their_zero_point_are_refused():
    model = foreign.two_dimensional(1)
    tensor = next(one for one in model.graph.initializer if one.name == "one_wz")
    tensor.CopyFrom(numpy_helper.from_array(np.full(6, -100, np.int8), "one_wz"))
    model.graph.node[1].name = "first"
    found = _refused(model)
    assert found.field == "graph.first" and "zero point" in found.message


def test_a_sum_that_may_leave_32_bits_is_refused():
    made = example("cnn")
    graph = onnx.load_from_string(exported(made, windows(made, 16))[1])

    def edit(bias: np.ndarray) -> None:
        bias[0] = 2**31 - 1

    found = _refused(change(graph, "1.bias", edit))
    assert found.reason is Reason.ACCUMULATOR_OVERFLOW and "1.conv" in found.field


@pytest.mark.parametrize("attributes", [{"dilations": [2]}, {"auto_pad": "SAME_UPPER"}])
def test_a_convolution_that_slides_in_another_way_is_refused(attributes):
    arrays = {"w": np.ones((2, 3, 3), np.float32)}
    nodes = [
        helper.make_node("Conv", ["window", "w"], ["y"], "slide", **attributes),
        helper.make_node("Flatten", ["y"], ["logits"]),
    ]
    length = 8 if "auto_pad" in attributes else 6
    found = _refused(foreign.model(nodes, arrays, (3, 8 if length == 8 else 10), 16 if length == 8 else 12))
    assert found.field == "graph.slide"


@pytest.mark.parametrize("data", [b"", b"no graph", b"\x00" * 64])
def test_what_is_no_graph_is_refused(data):
    assert _refused(data).reason is Reason.EXPORT_UNSUPPORTED


@pytest.mark.parametrize("options", [{"name": "Two Words"}, {"name": "../up"}, {"name": ""}, {"arithmetic": "double"}])
def test_an_option_that_is_not_known_is_refused(options):
    with pytest.raises(Refused) as refused:
        c.generate(to_bytes(_one("Relu")), **options)
    assert refused.value.reason is Reason.FIELD_INVALID and refused.value.field in options


@needs_compiler
def test_names_of_the_graph_cannot_become_code(tmp_path):
    model = _one("Relu")
    model.graph.node[0].name = '*/ int system(const char *); /* "'
    middle = '"); } int evil(void) { return 1; } /*\n#define float int'
    model.graph.node[0].output[0] = middle
    model.graph.node.append(helper.make_node("Identity", [middle], ["logits"], "float"))
    values = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    built = Built(c.generate(to_bytes(model)).files, tmp_path)
    np.testing.assert_array_equal(built.run(values), np.maximum(values, 0))
