import numpy as np
import pytest

from export import integer
from export import steps as s
from export.calibration import calibrate, quantize, same_numbers
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.proof import run
from export.rounding import round_weights, weight_scale
from nets.inference import logits
from nets.model import Model
from nets.pretraining import Recipe, pretrain
from slipway.errors import Reason, Refused
from tests.export.examples import NETS, example, task, windows


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_constant_windows_still_give_scales(name, constant):
    made = example(name)
    values = np.full_like(windows(made, 4), constant)
    found = calibrate(fold(made), values)
    assert np.isfinite(run(to_bytes(int8_onnx(found.net, made.task)), values)).all()
    assert all(layer.target.scale > 0 for layer in found.net.layers if getattr(layer, "target", None))


def test_a_net_whose_weights_are_all_zero_gives_its_bias():
    made = example("cnn")
    dead = {name: np.zeros_like(a) if name.endswith("kernel") else a for name, a in made.arrays.items()}
    silent = Model(made.task, made.layers, dead)
    values = windows(made, 8)
    found = calibrate(fold(silent), values)
    np.testing.assert_allclose(integer.logits(found.net, values), s.run(fold(silent), values), rtol=1e-5, atol=1e-6)


def test_an_outlier_is_clipped_when_that_keeps_the_logits_better():
    made = example("cnn")
    values = windows(made, 400)
    values[0, 0] *= 300
    steps = fold(made)
    found, widest = calibrate(steps, values), calibrate(steps, values, clips=(0.0,))
    assert found.clip != 0 and found.error < widest.error


def test_each_tensor_may_have_its_own_range():
    made = example("cnn")
    values, steps = windows(made, 200), fold(made)
    found = quantize(steps, values, clip={"5": 1.0})
    whole = quantize(steps, values)
    assert {name for name in found.ranges if found.ranges[name] != whole.ranges[name]} == {"5"}


def test_what_each_tensor_costs_is_told():
    found = calibrate(fold(example("cnn")), windows(example("cnn"), 64))
    assert [row.tensor for row in found.losses] == ["entry", "1.weights", "1", "5.weights", "5", "7", "8.weights"]


def test_the_outputs_of_a_regression_are_numbers_in_their_own_right():
    made = example("mlp")
    values, steps = windows(made, 400), fold(made)
    found = calibrate(steps, values, decides=False, copies=(1,))
    wanted = s.run(steps, values[1::2])
    assert found.agreement == pytest.approx(1 - (found.error / wanted.std(axis=0).mean()) ** 2, abs=0.01)
    assert same_numbers(wanted, wanted) == 1 and same_numbers(0 * wanted + wanted.mean(0), wanted) == pytest.approx(0)


def test_ranges_name_every_quantized_tensor():
    found = calibrate(fold(example("cnn")), windows(example("cnn"), 64))
    assert list(found.ranges) == ["entry", "1", "5", "7", "8"]


def test_copies_of_the_input_carry_more_than_one_byte():
    made = example("mlp")
    values = windows(made, 1000)
    wanted = s.run(fold(made), values)

    def error(copies: int) -> float:
        net = quantize(fold(made), values, copies=copies).net
        return float(np.sqrt(np.mean((integer.logits(net, values) - wanted) ** 2)))

    assert error(4) < 0.75 * error(1)


def test_rounding_together_beats_rounding_each():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2000, 24)) @ rng.normal(size=(24, 24))  # correlated, as sensors are
    weights = rng.normal(size=(24, 16))
    scale = weight_scale(weights, np.zeros(16))
    each = np.clip(np.rint(weights / scale), -64, 64)
    together = round_weights(weights, scale, inputs)

    def error(integers: np.ndarray) -> float:
        return float(np.square(inputs @ (integers * scale - weights)).mean())

    assert error(together) < 0.7 * error(each)


def test_no_windows_are_refused():
    made = example("mlp")
    with pytest.raises(Refused) as refused:
        calibrate(fold(made), windows(made, 0))
    assert refused.value.reason is Reason.FIELD_REQUIRED


def rule(ranges: np.ndarray) -> np.ndarray:
    """The wall follower: sharp thresholds on the nearest of some beams."""
    front, left = ranges[:, 10:15].min(1), ranges[:, 17:20].min(1)
    return np.select([front < 0.9, left > 0.9, left < 0.5], [0, 1, 2], 3).astype(np.int32)


def test_sharp_thresholds_survive_within_half_a_point():
    rng = np.random.default_rng(0)
    walls = rng.gamma(3, 0.35, size=(60_000, 8)).repeat(3, axis=1)
    values = np.clip(walls + rng.normal(0, 0.05, walls.shape), 0, 5).astype(np.float32)[:, None]
    labels = rule(values[:, 0])
    recipe = Recipe(architecture="mlp", options={"widths": (128, 128)}, epochs=6, batch_size=512, learning_rate=4e-3)
    made = pretrain(task((1, 24), 4, "rover"), values[:40_000], labels[:40_000], recipe=recipe).model
    found = calibrate(fold(made), values[:4096])
    unseen, truth = values[40_000:], labels[40_000:]
    exact = (logits(made, unseen).argmax(1) == truth).mean()
    rounded = (integer.logits(found.net, unseen).argmax(1) == truth).mean()
    assert exact > 0.9
    assert rounded >= exact - 0.005
