"""A regression learns quantities in their own units, on whatever scale they come."""

import numpy as np
import pytest

from nets.inference import logits
from nets.metrics import determination
from nets.model import Model
from nets.pretraining import Pretrained, Recipe, pretrain
from slipway.errors import Reason, Refused
from slipway.spec import Channel, SensorSpec, TaskSpec

TASK = TaskSpec(
    "lever",
    SensorSpec((Channel("angle", "rad"), Channel("speed", "rad/s")), 100.0, 4),
    outputs=(Channel("force", "N"), Channel("current", "mA")),
)
RECIPE = Recipe(architecture="mlp", options={"widths": (32,)}, epochs=30, batch_size=64, learning_rate=5e-3)


def lever(seed: int, count: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """A force of some newtons and a current of thousands, both functions of the window's last sample."""
    values = np.random.default_rng(seed).normal(size=(count, 4, 2)).astype(np.float32)
    angle, speed = values[:, -1, 0], values[:, -1, 1]
    return values, np.stack([3 * angle - speed, 5000 + 2000 * speed], 1).astype(np.float32)


@pytest.fixture(scope="module")
def learned() -> Pretrained:
    return pretrain(TASK, *lever(0), recipe=RECIPE)


def test_outputs_are_learned_in_their_units_however_large(learned: Pretrained) -> None:
    values, targets = lever(1)
    assert determination(logits(learned.model, values), targets).min() > 0.97
    assert learned.confidence is None
    assert learned.curve[-1].validation_accuracy > 0.97


def test_a_regression_model_survives_its_file(learned: Pretrained) -> None:
    again = Model.from_bytes(learned.model.to_bytes())
    assert again.task == TASK
    assert np.array_equal(logits(again, lever(1)[0]), logits(learned.model, lever(1)[0]))


def test_learning_goes_on_from_a_model_without_a_step_back(learned: Pretrained) -> None:
    """Few windows on which the current has an offset: the start knows the rest already."""
    values, targets = lever(2, 64)
    shifted = targets + np.float32([0, 300])
    more = Recipe(architecture="mlp", epochs=40, batch_size=16, learning_rate=1e-3)
    tuned = pretrain(TASK, values, shifted, recipe=more, start=learned.model).model
    fresh = pretrain(TASK, values, shifted, recipe=Recipe(architecture="mlp", epochs=40, batch_size=16)).model
    test_values, test_targets = lever(3)
    scores = [determination(logits(m, test_values), test_targets + np.float32([0, 300])).mean() for m in (tuned, fresh)]
    assert scores[0] > 0.97 > scores[1]
    assert np.array_equal(tuned.arrays["0.mean"], learned.model.arrays["0.mean"])


def test_windows_without_an_answer_are_left_out() -> None:
    values, targets = lever(0, 300)
    targets[::2] = np.nan
    half = pretrain(TASK, values, targets, recipe=Recipe(architecture="mlp", epochs=1))
    kept = pretrain(TASK, values[1::2], targets[1::2], recipe=Recipe(architecture="mlp", epochs=1))
    assert all(np.array_equal(half.model.arrays[name], array) for name, array in kept.model.arrays.items())


@pytest.mark.parametrize("targets", [np.zeros(300), np.zeros((300, 3)), np.full((300, 2), np.inf)])
def test_targets_that_do_not_fit_are_refused(targets: np.ndarray) -> None:
    with pytest.raises(Refused) as refusal:
        pretrain(TASK, lever(0, 300)[0], targets, recipe=RECIPE)
    assert refusal.value.reason in (Reason.WINDOW_SHAPE_MISMATCH, Reason.SAMPLE_NOT_FINITE)


def test_determination_of_the_mean_is_zero() -> None:
    targets = lever(0)[1]
    assert determination(np.broadcast_to(targets.mean(0), targets.shape), targets) == pytest.approx([0, 0], abs=1e-4)
    assert determination(targets, targets) == pytest.approx([1, 1])
