"""Learning from windows as other devices would have read them, with and without a front."""

from dataclasses import replace
from math import pi

import numpy as np
import pytest

from nets.augmentation import Augmentation, for_sensor
from nets.inference import logits
from nets.pretraining import Pretrained, Recipe, pretrain
from slipway.errors import Refused
from slipway.spec import TaskSpec
from tests.nets.sensors import IMU
from tests.nets.tasks import task, waves

TASK = TaskSpec("moving", IMU, ("walked", "ran"))
RECIPE = Recipe("cnn", {"widths": [16], "sizes": [7]}, epochs=40, batch_size=32, learning_rate=1e-2)
SHORT = replace(RECIPE, epochs=1)
FRAMED = replace(RECIPE, options={**RECIPE.options, "front": "gravity"}, epochs=1, validation_share=0.0)
ANY_MOUNTING = Augmentation(6, ((0, 1, 2), (3, 4, 5)), rotation_rad=pi)


def _moves(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """An upright sensor bobs slowly or fast along gravity."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, count).astype(np.int32)
    phase = draw.uniform(0, 2 * np.pi, (count, 1))
    bob = np.sin(2 * np.pi * (2 + 4 * labels[:, None]) * np.arange(32) / 32 + phase)
    values = 0.3 * draw.normal(size=(count, 32, 6))
    values[..., 2] += 9.81 + 8 * bob
    return values.astype(np.float32), labels


VALUES, LABELS = _moves(256)


def _learned(recipe: Recipe = RECIPE, augment: Augmentation | None = None, seed: int = 0, **options) -> Pretrained:
    return pretrain(TASK, VALUES, LABELS, recipe=recipe, augment=augment, seed=seed, **options)


def _accuracy(found: Pretrained, values: np.ndarray, labels: np.ndarray) -> float:
    return float((logits(found.model, values).argmax(1) == labels).mean())


def _lying(values: np.ndarray) -> np.ndarray:
    """The same people with the sensor on its side."""
    on_side = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    return (values @ np.kron(np.eye(2), on_side)).astype(np.float32)


def test_a_net_that_saw_every_mounting_knows_a_new_one_and_its_statistics_are_of_what_it_saw() -> None:
    test, answers = _moves(200, 1)
    plain, wide = _learned(), _learned(augment=ANY_MOUNTING)
    assert _accuracy(plain, test, answers) > 0.95 and _accuracy(plain, _lying(test), answers) < 0.8
    assert _accuracy(wide, _lying(test), answers) > 0.9
    np.testing.assert_allclose(plain.model.arrays["0.mean"][:3], [0, 0, 9.81], atol=0.1)
    np.testing.assert_allclose(wide.model.arrays["0.mean"][:3], 0, atol=1.5)
    level = np.sqrt(np.square(VALUES[..., :3]).sum(-1).mean() / 3)
    np.testing.assert_allclose(wide.model.arrays["0.deviation"][:3], level, rtol=0.15)


def test_a_seed_fixes_it_and_without_it_training_is_as_it_was() -> None:
    one, same, other = (_learned(SHORT, ANY_MOUNTING, seed) for seed in (0, 0, 1))
    for name, array in one.model.arrays.items():
        np.testing.assert_array_equal(same.model.arrays[name], array)
    assert not np.array_equal(one.model.arrays["0.mean"], other.model.arrays["0.mean"])
    assert _learned(SHORT, Augmentation(6)).curve == _learned(SHORT).curve  # ranges of nothing


def test_behind_a_front_that_no_mounting_changes_the_mounting_teaches_nothing() -> None:
    """Windows are turned before the front; what is turned behind it would show in the very first steps."""
    plain, turned = _learned(FRAMED), _learned(FRAMED, ANY_MOUNTING)
    np.testing.assert_allclose(turned.model.arrays["1.mean"], plain.model.arrays["1.mean"], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(turned.curve[1].loss, plain.curve[1].loss, rtol=1e-2)
    gained = _learned(FRAMED, replace(ANY_MOUNTING, gain_share=0.9))
    assert gained.model.arrays["1.deviation"][0] > 1.2 * plain.model.arrays["1.deviation"][0]


def test_a_base_taken_up_keeps_its_statistics_and_targets_pass_the_front_in_the_step() -> None:
    base = _learned(FRAMED).model
    again = _learned(FRAMED, ANY_MOUNTING, start=base, mixed=VALUES[:64])
    np.testing.assert_array_equal(again.model.arrays["1.mean"], base.arrays["1.mean"])
    assert again.model.layers == base.layers and np.isfinite(logits(again.model, VALUES)).all()


def test_a_regression_learns_from_augmented_windows_too() -> None:
    asked = TaskSpec("speed", IMU, outputs=(IMU.channels[0],))
    recipe = replace(FRAMED, epochs=12, validation_share=0.2)
    targets = LABELS[:, None].astype(np.float32)
    found = pretrain(asked, VALUES, targets, recipe=recipe, augment=for_sensor(IMU))
    assert (found.curve[found.best_epoch].validation_accuracy or 0) > 0.5  # R²


def test_an_augmentation_of_other_channels_is_refused() -> None:
    values, labels = waves(32, 0)
    with pytest.raises(Refused, match=r"augmentation\.channels"):
        pretrain(task(), values, labels, recipe=RECIPE, augment=ANY_MOUNTING)
