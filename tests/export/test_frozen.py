from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export import integer
from export import steps as s
from export.calibration import calibrate
from export.folding import fold
from export.frozen import SCALE_STEP_BITS, applied, stepped
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.integer import Int8Net, Linear
from export.proof import run
from nets.front import with_correction
from nets.model import Model
from slipway.errors import Reason, Refused
from tests.export.examples import NETS, example, small_models, windows

AFFINE = ("scale", "offset", "mean", "variance", "bias", "deviation")  # what a small scope may move


def moved(model: Model, seed: int = 3, size: float = 0.1) -> Model:
    """The model with every number of a small scope changed, kernels as they are."""
    random = np.random.default_rng(seed)
    arrays = dict(model.arrays)
    for name, array in model.arrays.items():
        if name.endswith(("scale", "variance", "deviation")):
            arrays[name] = (array * np.exp(size * random.normal(size=array.shape))).astype(np.float32)
        elif name.endswith(AFFINE):
            arrays[name] = (array + size * random.normal(size=array.shape)).astype(np.float32)
    return replace(model, arrays=arrays)


def filmed(model: Model, seed: int = 4) -> Model:
    """The model with a gain on every feature of every kernel, hardly any over 1: grids stay wide enough."""
    random = np.random.default_rng(seed)
    gained = {
        name: (array * random.uniform(0.5, 1.05, array.shape[-1])).astype(np.float32)
        if name.endswith("kernel")
        else array
        for name, array in model.arrays.items()
    }
    return replace(model, arrays=gained)


def corrected(model: Model) -> Model:
    """The model behind a sensor's correction that turns, scales, shifts and delays."""
    found = with_correction(model)
    channels = model.task.sensor.window_shape[1]
    random = np.random.default_rng(5)
    matrix = (np.eye(channels) + 0.1 * random.normal(size=(channels, channels))).astype(np.float32)
    offset, delay = random.normal(0, 0.1, channels), np.linspace(0, 1.5, channels)
    numbers = {"0.matrix": matrix, "0.offset": offset.astype(np.float32), "0.delay": delay.astype(np.float32)}
    return replace(found, arrays={**found.arrays, **numbers})


def with_array(model: Model, name: str, feature: int, value: float) -> Model:
    array = model.arrays[name].copy()
    array[..., feature] = value
    return replace(model, arrays={**model.arrays, name: array})


def int8_of(model: Model, count: int = 200) -> Int8Net:
    return calibrate(fold(model), windows(model, count)).net


def graph_of(net: Int8Net, model: Model) -> bytes:
    return to_bytes(int8_onnx(net, model.task))


def linear_layers(net: Int8Net) -> list[Linear]:
    return [layer for layer in net.layers if isinstance(layer, Linear)]


def assert_frozen(net: Int8Net, base: Int8Net) -> None:
    """No weight and no grid moved."""
    assert net.entry == base.entry and net.exit == base.exit
    for layer, old in zip(net.layers, base.layers, strict=True):
        assert getattr(layer, "source", None) == getattr(old, "source", None)
        assert getattr(layer, "target", None) == getattr(old, "target", None)
        if isinstance(old, Linear):
            assert layer.weights.tobytes() == old.weights.tobytes() and layer.name == old.name


@pytest.mark.parametrize("name", NETS)
def test_nothing_changed_changes_nothing(name):
    made = example(name)
    net = int8_of(made)
    assert graph_of(applied(net, fold(made), fold(made)), made) == graph_of(net, made)


CHANGES = {"norm and bias": moved, "film": filmed, "sensor": corrected, "all": lambda m: corrected(filmed(moved(m)))}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["cnn", "separable", "mlp", "ring", "batch_norm_that_cannot_fold"])
def test_a_small_scope_moves_no_weight_and_no_grid(name, change):
    made = example(name)
    net, after = int8_of(made), CHANGES[change](made)
    found = applied(net, fold(made), fold(after))
    assert_frozen(found, net)
    values = windows(made, 64, seed=7)
    want, was = s.run(fold(after), values), s.run(fold(made), values)
    got = integer.logits(found, values)
    assert np.square(got - want).mean() < 0.1 * np.square(was - want).mean()  # it is the adapted net, not the base


@pytest.mark.parametrize("name", ["cnn", "separable", "mlp", "batch_norm_that_cannot_fold"])
def test_onnx_runtime_computes_a_frozen_net_to_the_byte(name):
    made = example(name)
    after = filmed(moved(made))
    found = applied(int8_of(made), fold(made), fold(after))
    values = windows(made, 100, seed=8)
    np.testing.assert_array_equal(run(graph_of(found, made), values), integer.logits(found, values))


@settings(max_examples=12, derandomize=True)
@given(small_models(), st.integers(0, 99))
def test_any_net_takes_any_positive_gain(made, seed):
    net, after = int8_of(made, 40), filmed(moved(made, seed), seed)
    found = applied(net, fold(made), fold(after))
    assert_frozen(found, net)
    values = windows(made, 16, seed)
    np.testing.assert_array_equal(run(graph_of(found, made), values), integer.logits(found, values))


def test_a_correction_in_front_leaves_the_integer_net_alone():
    made = example("cnn")
    net = int8_of(made)
    found = applied(net, fold(made), fold(corrected(made)))
    for layer, old in zip(linear_layers(found), linear_layers(net), strict=True):
        assert layer.bias.tobytes() == old.bias.tobytes()
        assert layer.weight_scale.tobytes() == old.weight_scale.tobytes()
    assert len(found.front) == len(net.front) + 2  # delay and turn


def test_what_the_calibrator_corrected_stays_corrected():
    made = example("cnn")
    net, after = int8_of(made), filmed(made)
    found = applied(net, fold(made), fold(after))
    gained, old = linear_layers(found)[0], linear_layers(net)[0]
    gain = gained.weight_scale.astype(np.float64) / old.weight_scale
    step = gained.target.scale / (integer.product(gained.source, gained.weight_scale) * gain)
    kernel_bias = fold(made)[2].bias
    correction = old.bias - kernel_bias / integer.product(old.source, old.weight_scale)
    kept = gained.bias - fold(after)[2].bias / integer.product(gained.source, gained.weight_scale)
    assert np.abs(correction).max() > 1
    assert (np.abs(kept - correction) <= step / 4 + 1).all()


@settings(max_examples=100, derandomize=True)
@given(st.lists(st.floats(2.0**-20, 2.0**10, width=32), min_size=1, max_size=9), st.floats(0.01, 100))
def test_a_stepped_scale_is_near_and_leaves_the_low_bits(scales, gain):
    base = np.array(scales, np.float32)
    found = stepped(base, np.full(len(base), gain))
    assert (np.abs(found / (base.astype(np.float64) * gain) - 1) <= 2.0 ** (SCALE_STEP_BITS - 23)).all()
    assert not ((found.view(np.int32) - base.view(np.int32)) % 2**SCALE_STEP_BITS).any()


def refusal(made: Model, after: Model) -> Refused:
    with pytest.raises(Refused) as refused:
        applied(int8_of(made), fold(made), fold(after))
    return refused.value


@pytest.mark.parametrize("gain", [-1.0, 0.0])
def test_a_gain_that_is_not_positive_is_refused_by_layer_and_feature(gain):
    made = example("cnn")
    after = with_array(made, "2.scale", 3, gain * made.arrays["2.scale"][3])
    refused = refusal(made, after)
    assert refused.reason is Reason.FROZEN_GRID_UNFIT and refused.field == "layers.1"
    assert "feature 3" in refused.message


def test_one_weight_out_of_proportion_is_refused():
    made = example("cnn")
    kernel = made.arrays["1.kernel"].copy()
    kernel[2, 1, 5] *= 1.001
    refused = refusal(made, replace(made, arrays={**made.arrays, "1.kernel": kernel}))
    assert refused.field == "layers.1" and "feature 5" in refused.message


def test_a_feature_without_weights_takes_any_bias():
    quiet = with_array(with_array(example("cnn"), "1.kernel", 2, 0.0), "2.mean", 2, 0.0)
    silent, after = (with_array(quiet, "2.offset", 2, offset) for offset in (1e-6, 0.7))
    net = int8_of(silent)
    found = applied(net, fold(silent), fold(after))
    assert_frozen(found, net)
    layer, step = linear_layers(found)[0], fold(after)[2]
    real = layer.bias[2] * float(integer.product(layer.source, layer.weight_scale)[2])
    assert real == pytest.approx(step.bias[2], abs=float(layer.target.scale) / 2)


def test_a_feature_that_comes_alive_is_refused():
    silent = with_array(example("cnn"), "1.kernel", 2, 0.0)
    assert refusal(silent, with_array(silent, "1.kernel", 2, 0.1)).field == "layers.1"


def test_a_bias_beyond_32_bits_is_refused():
    made = example("cnn")
    after = with_array(with_array(made, "2.variance", 1, 1e20), "2.offset", 1, 5.0)
    refused = refusal(made, after)
    assert refused.reason is Reason.ACCUMULATOR_OVERFLOW and refused.field == "layers.1"


def test_integers_of_an_equalised_base_are_refused():
    made = example("cnn")
    factor = np.float32(1.5) ** np.arange(-6, 6)
    kernel, bias = made.arrays["5.kernel"] * factor, made.arrays["5.bias"] * factor
    behind = made.arrays["8.kernel"] / factor[:, None]
    arrays = {"5.kernel": kernel, "5.bias": bias, "8.kernel": behind}
    other = replace(made, arrays={**made.arrays, **{name: np.float32(array) for name, array in arrays.items()}})
    np.testing.assert_allclose(s.run(fold(other), windows(made, 5)), s.run(fold(made), windows(made, 5)), rtol=1e-4)
    with pytest.raises(Refused) as refused:
        applied(int8_of(other), fold(made), fold(moved(made)))
    assert refused.value.field == "layers.5"


def test_another_net_is_refused():
    made, other = example("cnn"), example("separable")
    assert refusal(made, other).field == "model.layers"
