import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from export import integer
from export import steps as s
from export.calibration import can_copy, quantize
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.integer import Grid, Linear
from export.proof import run
from nets.layers import Dense, Flatten, Normalize
from nets.model import Model
from slipway.errors import Reason, Refused
from tests.export import oracle
from tests.export.examples import NETS, example, model, small_models, windows


def exported(made: Model, copies: int = 1, count: int = 64):
    net = quantize(fold(made), windows(made, count), copies=copies).net
    return net, int8_onnx(net, made.task)


@pytest.mark.parametrize("copies", [1, 2, 4])
@pytest.mark.parametrize("name", NETS)
def test_onnx_runtime_our_arithmetic_and_the_oracle_agree_in_every_bit(name, copies):
    made = example(name)
    net, graph = exported(made, copies if can_copy(fold(made)) else 1)
    values = 1.5 * windows(made, 40, seed=2)  # some leave the calibrated ranges
    expected = integer.logits(net, values)
    np.testing.assert_array_equal(run(to_bytes(graph), values), expected)
    np.testing.assert_array_equal(oracle.onnx_logits(graph, values), expected)


@settings(max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(small_models(), st.sampled_from([1, 2]), st.sampled_from([0.0, 1.0]))
def test_any_small_net_agrees_in_every_bit(made, copies, clip):
    steps = fold(made)
    net = quantize(steps, windows(made, 16), copies=copies if can_copy(steps) else 1, clip=clip).net
    graph = int8_onnx(net, made.task)
    values = 3 * windows(made, 12, seed=2)
    expected = integer.logits(net, values)
    np.testing.assert_array_equal(run(to_bytes(graph), values), expected)
    np.testing.assert_array_equal(oracle.onnx_logits(graph, values), expected)


@pytest.mark.parametrize("name", NETS)
def test_logits_stay_close_to_float(name):
    made = example(name)
    net, _ = exported(made, count=1000)
    values = windows(made, 200, seed=3)
    wanted = s.run(fold(made), values)
    error = np.sqrt(np.mean((integer.logits(net, values) - wanted) ** 2))
    assert error < 0.03 * np.abs(wanted).max()


@pytest.mark.parametrize("name", NETS)
def test_only_standard_operators_of_the_documented_set(name):
    _, graph = exported(example(name))
    assert {node.op_type for node in graph.graph.node} <= oracle.OPERATORS
    assert {node.domain for node in graph.graph.node} == {""}


@pytest.mark.parametrize("name", NETS)
def test_weights_fit_processors_that_add_pairs_in_16_bits(name):
    _, graph = exported(example(name))
    weights = [numpy_helper.to_array(t) for t in graph.graph.initializer if t.name.endswith(".weights")]
    assert weights and all(w.dtype == np.int8 and np.abs(w.astype(int)).max() <= 64 for w in weights)


def test_each_feature_has_its_own_scale():
    net, _ = exported(example("cnn"))
    conv = net.layers[0]
    assert isinstance(conv, Linear) and conv.weight_scale.shape == (8,) and len(set(conv.weight_scale)) == 8


def test_relu_is_the_range_of_the_layer_before():
    net, graph = exported(example("cnn"))
    assert net.layers[0].target.zero == 0
    assert "Relu" not in {node.op_type for node in graph.graph.node}


def test_the_logits_are_not_rounded_to_bytes():
    net, _ = exported(example("mlp"))
    assert net.layers[-1].target is None and net.exit is None


def test_equal_models_give_equal_bytes():
    first, second = (to_bytes(exported(example("separable"))[1]) for _ in range(2))
    assert first == second


def test_a_sum_that_could_leave_32_bits_is_refused():
    wide = np.full((1, 140_000, 1), 64, np.int8)
    one = np.ones(1, np.float32)
    layer = Linear("3", wide, one, np.zeros(1, np.int32), 1, 1, (0, 0), False, Grid(np.float32(1), 0), None)
    with pytest.raises(Refused) as refused:
        integer.check_accumulator("3", integer.reach(layer))
    assert refused.value.reason is Reason.ACCUMULATOR_OVERFLOW and refused.value.field == "layers.3"


def test_a_layer_too_wide_for_32_bits_is_refused_at_export():
    shape = (60_000, 3)
    made = model((Normalize(), Flatten(), Dense(2)), shape)
    made.arrays["2.kernel"][:] = 1.0
    with pytest.raises(Refused) as refused:
        quantize(fold(made), 10 + windows(made, 2))
    assert refused.value.reason is Reason.ACCUMULATOR_OVERFLOW


def test_requantisation_rounds_half_to_even_and_saturates():
    target = Grid(np.float32(2), 10)
    found = integer.requantize(np.array([1, 3, 5, -1, -100, 2000], np.int32), np.float32(1), target)
    assert found.tolist() == [10, 12, 12, 10, 0, 255]
