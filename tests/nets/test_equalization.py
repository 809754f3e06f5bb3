"""Loud channels are made as loud as the others, and no answer changes."""

import numpy as np
import pytest

from nets.batch_norm_folding import without_batch_norm
from nets.equalization import equalized
from nets.inference import between, logits
from nets.layers import BatchNorm, Conv, Dense, GlobalAveragePool, MaxPool, Normalize, Relu
from nets.model import Model
from tests.export.examples import example, model, windows

SEPARABLE = (
    *(Normalize(), Conv(8, 3), BatchNorm(), Relu(), Conv(8, 5, groups=8), BatchNorm(), Relu()),
    *(Conv(12, 1), BatchNorm(), Relu(), MaxPool(2), GlobalAveragePool(), Dense(3)),
)


def with_a_loud_channel(factor: float = 50.0) -> Model:
    """One channel of the first layer is ``factor`` times as loud, and the layer behind it divides by it."""
    made = without_batch_norm(model(SEPARABLE, (20, 3)))
    made.arrays["1.kernel"][:, :, 2] *= factor
    made.arrays["1.bias"][2] *= factor
    made.arrays["3.kernel"][:, :, 2] /= factor
    return made


def loudness(made: Model, values: np.ndarray, layers: int) -> np.ndarray:
    return between(made.layers[:layers], made.arrays, values).max(axis=(0, 1))


@pytest.mark.parametrize("name", ["cnn", "separable", "mlp", "ring", "batch_norm_that_cannot_fold"])
def test_no_answer_changes(name: str) -> None:
    made = without_batch_norm(example(name))
    values = windows(made, 32)
    np.testing.assert_allclose(logits(equalized(made, values), values), logits(made, values), rtol=1e-4, atol=1e-5)


def test_before_a_depthwise_layer_all_channels_become_equally_loud() -> None:
    made = with_a_loud_channel()
    values = windows(made, 64)
    before, after = (loudness(one, values, 3) for one in (made, equalized(made, values)))
    heard = before > 0
    assert before.max() > 5 * np.sort(before)[-2]
    np.testing.assert_allclose(after[heard], after[heard][0], rtol=1e-4)


def test_before_other_layers_the_weights_take_over_a_share() -> None:
    made = without_batch_norm(model(SEPARABLE, (20, 3)))
    made.arrays["3.kernel"][:, :, 2] *= 100
    made.arrays["3.bias"][2] *= 100
    made.arrays["5.kernel"][:, 2] /= 100
    values = windows(made, 64)
    before, after = (loudness(one, values, 5) for one in (made, equalized(made, values)))
    assert after.max() / np.median(after) < 0.3 * before.max() / np.median(before)


def test_a_silent_channel_stays_as_it_is() -> None:
    made = with_a_loud_channel()
    made.arrays["1.kernel"][:, :, 4] = 0
    made.arrays["1.bias"][4] = -1
    values = windows(made, 32)
    found = equalized(made, values)
    assert all(np.isfinite(array).all() for array in found.arrays.values())
    assert found.arrays["1.bias"][4] == -1
