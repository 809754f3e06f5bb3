"""What is taken from another network answers as it did there; what does not fit is begun afresh or refused."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.architectures import cnn, mlp
from nets.inference import between, features, logits
from nets.layers import Conv, Dense, Dropout, Layers, MaxPool, Relu
from nets.pretraining import Recipe
from nets.transplant import headless, transplant
from slipway.errors import Reason, Refused
from slipway.spec import Channel, SensorSpec, TaskSpec
from tests.nets.models import SMALL, small
from tests.nets.tasks import task, waves

SOURCE = small(seed=1)
VALUES = waves(20, seed=2)[0]
DETECTOR = task(classes=2, name="detector")


COARSER = (*(MaxPool(4) if layer == MaxPool(2) else layer for layer in SOURCE.layers[:-1]), Dense(2))


def layers_taken(taken: Iterable[str]) -> set[int]:
    return {int(name.split(".")[0]) for name in taken}


def of_channels(*channels: Channel, like: TaskSpec | None = None) -> TaskSpec:
    like = like or DETECTOR
    return replace(like, sensor=SensorSpec(channels, like.sensor.rate_hz, like.sensor.window_length))


def test_a_recogniser_without_its_output_layer_carries_a_detector() -> None:
    found = transplant(SOURCE, (*headless(SOURCE.layers), Dense(5), Relu(), Dense(2)), DETECTOR)
    trunk = len(headless(SOURCE.layers))
    assert found.fresh == {f"{trunk + i}.{name}" for i in (0, 2) for name in ("kernel", "bias")}
    assert found.taken.keys() | found.fresh == found.model.arrays.keys()
    for name, other in found.taken.items():
        assert np.array_equal(found.model.arrays[name], SOURCE.arrays[other])
    seen = between(found.model.layers[:trunk], found.model.arrays, VALUES)
    np.testing.assert_array_equal(seen, between(SOURCE.layers[:trunk], SOURCE.arrays, VALUES))


def test_the_same_form_and_answers_take_everything() -> None:
    found = transplant(SOURCE, Recipe("cnn", SMALL), replace(SOURCE.task, name="again"))
    assert not found.fresh
    np.testing.assert_array_equal(logits(found.model, VALUES), logits(SOURCE, VALUES))


def test_an_output_layer_of_equal_shape_for_other_classes_is_not_taken() -> None:
    other = replace(SOURCE.task, classes=("x", "y", "z"))
    last = len(SOURCE.layers) - 1
    assert transplant(SOURCE, SOURCE.layers, other).fresh == {f"{last}.kernel", f"{last}.bias"}


@pytest.mark.parametrize(
    ("form", "layers"),
    [
        (cnn(DETECTOR, widths=(8, 6), sizes=(3, 5)), {0, 1, 2}),  # the second convolution is wider in time
        (cnn(DETECTOR, widths=(8, 6), sizes=(3, 3), dropout=0.5), {0, 1, 2, 5, 6}),  # dropout holds nothing
        (COARSER, {0, 1, 2}),
        (mlp(DETECTOR), {0}),
    ],
)
def test_unasked_the_longest_common_beginning_is_taken(form: Layers, layers: set[int]) -> None:
    assert layers_taken(transplant(SOURCE, form, DETECTOR).taken) == layers


def test_layers_are_taken_by_name_from_anywhere() -> None:
    form = cnn(DETECTOR, widths=(8, 6, 8), sizes=(3, 3, 3), dropout=0.1)
    found = transplant(SOURCE, form, DETECTOR, names={1: 1, 5: 5})
    assert found.taken == {"1.kernel": "1.kernel", "5.kernel": "5.kernel"}
    with pytest.raises(Refused, match="layer 1 of the source does not fit") as refused:
        transplant(SOURCE, form, DETECTOR, names={5: 1})
    assert refused.value.field == "names.5"
    with pytest.raises(Refused, match="no layer 99"):
        transplant(SOURCE, form, DETECTOR, names={5: 99})


def test_channels_are_found_by_name_in_any_order_and_unit() -> None:
    """c2 in percent, c0 as it was, and c1 gone: the same as the source with c1 always at its mean."""
    wanted = of_channels(Channel("c2", "%"), Channel("c0", "1"))
    found = transplant(SOURCE, (*SOURCE.layers[:-1], Dense(2)), wanted)
    at_mean = VALUES.copy()
    at_mean[:, :, 1] = SOURCE.arrays["0.mean"][1]
    seen = VALUES[:, :, [2, 0]] * np.array([100, 1], np.float32)
    np.testing.assert_allclose(features(found.model, seen), features(SOURCE, at_mean), rtol=1e-4, atol=1e-5)
    assert "channels that are gone: c1" in found.steps
    assert "unit taken up by the input statistics: c2" in found.steps


@pytest.mark.parametrize("architecture", ["cnn", "mlp"])
def test_a_new_channel_says_nothing_at_first_and_is_left_to_learn(architecture: str) -> None:
    source = SOURCE if architecture == "cnn" else small(seed=4, layers=mlp(task(), widths=(7,)))
    wanted = of_channels(Channel("new", "1"), *source.task.sensor.channels)
    values = np.concatenate([40 + 9 * VALUES[:, :, :1], VALUES], 2)
    found = transplant(source, (*source.layers[:-1], Dense(2)), wanted, values=values)
    np.testing.assert_allclose(features(found.model, values), features(source, VALUES), rtol=1e-4, atol=1e-5)
    assert found.model.arrays["0.mean"][0] == pytest.approx(values[:, :, 0].mean(), rel=1e-5)
    first = "1.kernel" if architecture == "cnn" else "2.kernel"
    assert first in found.fresh and first in found.taken
    assert "new channels, with weights of zero: new" in found.steps


def test_what_does_not_fit_is_refused_in_words() -> None:
    faster = replace(DETECTOR, sensor=replace(DETECTOR.sensor, rate_hz=100.0))
    with pytest.raises(Refused, match="100 Hz was given, 50 Hz is expected") as rate:
        transplant(SOURCE, Recipe("cnn", SMALL), faster)
    assert rate.value.reason is Reason.RATE_MISMATCH
    with pytest.raises(Refused, match="nothing of it fits"):
        transplant(SOURCE, (Conv(4, 3), *cnn(DETECTOR, **SMALL)[2:]), DETECTOR)
    with pytest.raises(Refused, match="cannot be told in 'm/s2'"):
        transplant(SOURCE, Recipe("cnn", SMALL), of_channels(Channel("c0", "m/s2")))


@given(st.permutations(range(3)), st.lists(st.sampled_from(["1", "%"]), min_size=3, max_size=3))
def test_any_order_and_unit_gives_the_same_answers(order: list[int], units: list[str]) -> None:
    wanted = of_channels(*(Channel(f"c{i}", unit) for i, unit in zip(order, units, strict=True)), like=SOURCE.task)
    found = transplant(SOURCE, SOURCE.layers, wanted)
    assert not found.fresh
    factor = np.array([100 if unit == "%" else 1 for unit in units], np.float32)
    seen = VALUES[:, :, order] * factor
    np.testing.assert_allclose(logits(found.model, seen), logits(SOURCE, VALUES), rtol=1e-3, atol=1e-4)


def test_dropout_goes_with_the_head() -> None:
    form = cnn(DETECTOR, widths=(8, 6), sizes=(3, 3), dropout=0.5)
    assert headless(form) == headless(SOURCE.layers) and not any(isinstance(layer, Dropout) for layer in headless(form))
