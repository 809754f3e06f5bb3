"""Where int8 costs too much it is brought down, by the cheapest means that do, judged on windows kept apart."""

import numpy as np
import pytest

from export import integer
from export import steps as s
from export.calibration import calibrate
from export.fine_tuning import APART, CALIBRATED, EQUALIZED, LEARNED, cost, fine_tuned
from export.folding import fold
from nets.model import Model
from nets.pretraining import Recipe, pretrain
from slipway.errors import Reason, Refused
from tests.export.examples import example, task, windows

SHORT = Recipe(epochs=3, batch_size=64, learning_rate=1e-3, weight_decay=0.0)


@pytest.fixture(scope="module")
def trained() -> tuple[Model, np.ndarray, np.ndarray]:
    """A depthwise-separable net that tells four tones apart, its windows and their classes."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 2400).astype(np.int32)
    time = np.arange(32) / 32
    phase = random.uniform(0, 2 * np.pi, (2400, 1, 3))
    tones = np.sin(2 * np.pi * (2 + 1.5 * labels[:, None, None]) * time[None, :, None] + phase)
    values = (tones + random.normal(0, 0.4, tones.shape)).astype(np.float32)
    recipe = Recipe(architecture="ds_cnn", options={"widths": (12, 16), "sizes": (5, 5)}, epochs=12)
    return pretrain(task((32, 3), 4, "tones"), values[:1600], labels[:1600], recipe=recipe).model, values, labels


def with_loud_channels(made: Model, factor: float) -> Model:
    """Two channels of the first layer ``factor`` times as loud; the depthwise layer behind them divides by it."""
    arrays = {name: array.copy() for name, array in made.arrays.items()}
    for name in ("2.scale", "2.offset"):
        arrays[name][:2] *= factor
    arrays["5.kernel"][:, :, :2] /= factor
    return Model(made.task, made.layers, arrays)


def test_what_costs_little_is_left_alone(trained: tuple[Model, np.ndarray, np.ndarray]) -> None:
    made, values, _ = trained
    found = fine_tuned(made, values[:800], loss_limit=0.05)
    assert list(found.costs) == [CALIBRATED] and found.chosen == CALIBRATED
    np.testing.assert_allclose(s.run(fold(found.model), values), s.run(fold(made), values), atol=1e-3)


def test_loud_channels_are_evened_out_and_what_they_cost_comes_back(
    trained: tuple[Model, np.ndarray, np.ndarray],
) -> None:
    made, values, labels = trained
    loud, unseen, truth = with_loud_channels(made, 300.0), values[1600:], labels[1600:]
    found = fine_tuned(loud, values[:800], recipe=SHORT)
    assert found.costs[CALIBRATED] > 0.02 and found.costs[EQUALIZED] < 0.2 * found.costs[CALIBRATED]
    assert found.chosen != CALIBRATED

    def accuracy(logits: np.ndarray) -> float:
        return float((logits.argmax(1) == truth).mean())

    exact = accuracy(s.run(fold(loud), unseen))
    plain = accuracy(integer.logits(calibrate(fold(loud), values[:800]).net, unseen))
    treated = accuracy(integer.logits(found.calibration.net, unseen))
    assert plain < exact - 0.02 and treated >= exact - 0.01


def test_learning_is_tried_last_and_taken_only_if_it_costs_less(trained: tuple[Model, np.ndarray, np.ndarray]) -> None:
    made, values, _ = trained
    found = fine_tuned(with_loud_channels(made, 300.0), values[:400], loss_limit=-1.0, recipe=SHORT)
    assert list(found.costs) == [CALIBRATED, EQUALIZED, LEARNED]
    assert found.costs[found.chosen] == min(found.costs.values())


def test_with_labels_the_cost_is_in_right_answers() -> None:
    made = example("cnn")
    values, steps = windows(made, 200), fold(made)
    net = calibrate(steps, values).net
    exact, rounded = s.run(steps, values).argmax(1), integer.logits(net, values).argmax(1)
    labels = np.where(np.arange(200) < 150, (exact + 1) % 5, -1).astype(np.int32)
    wanted = (exact == labels)[:150].mean() - (rounded == labels)[:150].mean()
    assert cost(steps, net, values, labels) == pytest.approx(wanted, abs=1e-7)
    assert cost(steps, net, values, np.full(200, -1, np.int32)) == pytest.approx((exact != rounded).mean(), abs=1e-7)


def test_of_a_regression_the_cost_is_in_explained_variance() -> None:
    made = example("cnn")
    values, steps = windows(made, 200), fold(made)
    net, exact = calibrate(steps, values, decides=False).net, s.run(steps, values)
    lost = 1 - np.mean(1 - np.square(integer.logits(net, values) - exact).mean(0) / exact.var(0))
    assert cost(steps, net, values, np.full_like(exact, np.nan)) == pytest.approx(lost, rel=1e-3)
    assert abs(cost(steps, net, values, exact) - lost) < 1e-6


@pytest.mark.parametrize("labels", [np.zeros(3, np.int32), np.zeros(41, np.int32)])
def test_labels_that_are_too_few_or_too_many_are_refused(labels: np.ndarray) -> None:
    made = example("cnn")
    with pytest.raises(Refused) as refused:
        fine_tuned(made, windows(made, 40), labels)
    assert refused.value.reason is Reason.FIELD_INVALID and refused.value.field == "calibration_labels"


def test_too_few_windows_to_keep_some_apart_are_refused() -> None:
    made = example("cnn")
    with pytest.raises(Refused) as refused:
        fine_tuned(made, windows(made, APART - 1))
    assert refused.value.reason is Reason.FIELD_REQUIRED
