"""A small head learns on a taken trunk, and the trunk stays bit for bit what it was."""

from dataclasses import replace

import numpy as np
import pytest

from nets.attaching import attach
from nets.inference import logits
from nets.layers import BatchNorm, Dense, Relu
from nets.metrics import determination
from nets.model import Model
from nets.pretraining import Recipe, pretrain
from nets.transplant import Transplant, headless, transplant
from slipway.errors import Reason, Refused
from slipway.spec import Channel, TaskSpec
from tests.nets.models import SMALL, small
from tests.nets.tasks import task, waves

RECIPE = Recipe(epochs=30, batch_size=32, learning_rate=0.01, validation_share=0.0)
VALUES, LABELS = waves(240, seed=0)
QUICK = TaskSpec("quick", task().sensor, ("slow", "quick"))
QUICKNESS = TaskSpec("quickness", task().sensor, outputs=(Channel("periods", "1"), Channel("twice", "1")))


def whole(model: Model) -> Transplant:
    """A network of which everything was taken."""
    return transplant(model, model.layers, model.task)


@pytest.fixture(scope="module")
def recogniser() -> Model:
    recipe = Recipe("cnn", SMALL, epochs=15, batch_size=32, learning_rate=0.01)
    return pretrain(task(), VALUES, LABELS, recipe=recipe, seed=0).model


def test_few_labels_teach_a_detector_on_a_taken_trunk(recogniser: Model) -> None:
    found = transplant(recogniser, (*headless(recogniser.layers), Dense(6), BatchNorm(), Relu(), Dense(2)), QUICK)
    values, periods = waves(40, seed=1)
    learned = attach(found, values, (periods == 2).astype(np.int32), recipe=RECIPE, seed=0).model
    kept = found.model.arrays.keys() - found.fresh
    assert kept and all(np.array_equal(learned.arrays[name], found.model.arrays[name]) for name in kept)
    assert all(not np.array_equal(learned.arrays[name], found.model.arrays[name]) for name in found.fresh)
    test, answers = waves(200, seed=2)
    assert (logits(learned, test).argmax(1) == (answers == 2)).mean() > 0.9


def test_a_layer_in_front_learns_while_those_behind_stay_as_in_use(recogniser: Model) -> None:
    """Were the taken batch normalisation trained along, its running statistics would have moved."""
    names = frozenset({"1.kernel"})
    learned = attach(whole(recogniser), VALUES, LABELS, open_names=names, recipe=RECIPE, seed=0).model
    changed = {name for name in learned.arrays if not np.array_equal(learned.arrays[name], recogniser.arrays[name])}
    assert changed == names


@pytest.mark.parametrize("opened", ["head", "all"])
def test_a_regression_answers_in_its_units(recogniser: Model, opened: str) -> None:
    found = transplant(recogniser, (*headless(recogniser.layers), Dense(2)), QUICKNESS)
    targets = np.stack([1000 + 50 * LABELS, 0.01 * LABELS], 1).astype(np.float32)
    names = found.fresh if opened == "head" else frozenset(found.model.arrays)
    learned = attach(found, VALUES, targets, open_names=names, recipe=RECIPE, seed=0).model
    assert determination(logits(learned, VALUES), targets).min() > 0.5


def test_a_regression_goes_on_from_a_taken_output_layer() -> None:
    """No step of a rate of zero: what was taken comes out of the common scale as it went in."""
    model = small(QUICKNESS, seed=0)
    still = replace(RECIPE, learning_rate=0.0, epochs=1)
    targets = np.stack([1000 + 50 * LABELS, 0.01 * LABELS], 1).astype(np.float32)
    last = len(model.layers) - 1
    names = frozenset({f"{last}.kernel", f"{last}.bias"})
    learned = attach(whole(model), VALUES, targets, open_names=names, recipe=still).model
    np.testing.assert_allclose(logits(learned, VALUES), logits(model, VALUES), rtol=1e-4, atol=1e-3)


def test_a_closed_output_layer_stays_as_it_is() -> None:
    model = small(QUICKNESS, seed=0)
    targets = logits(model, VALUES) + np.float32([1, 2])
    learned = attach(whole(model), VALUES, targets, open_names=frozenset({"1.kernel"}), recipe=RECIPE, seed=0).model
    last = len(model.layers) - 1
    assert np.array_equal(learned.arrays[f"{last}.kernel"], model.arrays[f"{last}.kernel"])
    before, after = (np.square(logits(one, VALUES) - targets).mean() for one in (model, learned))
    assert after < before


def test_bad_input_is_refused_in_words() -> None:
    model = small(seed=0)
    with pytest.raises(Refused, match="holds no learned array"):
        attach(whole(model), VALUES, LABELS, open_names=frozenset({"0.mean"}))
    with pytest.raises(Refused) as none:
        attach(whole(model), VALUES, np.full(len(VALUES), -1), open_names=frozenset({"1.kernel"}))
    assert none.value.reason is Reason.LABELS_MISSING
    with pytest.raises(Refused, match="one answer for each of 240 windows"):
        attach(whole(model), VALUES, LABELS[:7], open_names=frozenset({"1.kernel"}))
