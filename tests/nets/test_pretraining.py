"""Windows that only pass through the batch normalisation."""

import numpy as np
import pytest

from nets.pretraining import Pretrained, Recipe, pretrain
from slipway.errors import Refused
from slipway.spec import Channel, SensorSpec, TaskSpec
from tests.nets.tasks import task, waves

RECIPE = Recipe("cnn", {"widths": (8,), "sizes": (3,)}, epochs=4, batch_size=32, validation_share=0.0)
VALUES, LABELS = waves(256, seed=0)
SHIFT = 3.0


def learned(**options: np.ndarray) -> Pretrained:
    return pretrain(task(), VALUES, LABELS, recipe=RECIPE, seed=0, **options)


def test_the_device_s_moments_are_counted_and_its_windows_teach_nothing_else() -> None:
    alone, mixed, again = learned(), learned(mixed=VALUES), learned(mixed=VALUES + SHIFT)
    names = [name for name in mixed.model.arrays if not name.endswith((".mean", ".variance"))]
    for name in names:  # the order of the windows is the same for both, so the gradient is too
        np.testing.assert_array_equal(mixed.model.arrays[name], again.model.arrays[name])
    assert np.abs(mixed.model.arrays["2.mean"] - again.model.arrays["2.mean"]).max() > 0.1
    assert np.abs(alone.model.arrays["2.mean"] - mixed.model.arrays["2.mean"]).max() < 0.1


def test_windows_of_another_sensor_are_refused() -> None:
    with pytest.raises(Refused):
        learned(mixed=VALUES[:, :, :2])


def test_sound_passes_through_the_spectrum_first() -> None:
    hearing = TaskSpec("sound", SensorSpec((Channel("sound", "1"),), 8000.0, 1600), ("low", "high"))
    random = np.random.default_rng(0)
    labels = np.arange(64, dtype=np.int32) % 2
    tone = np.sin(np.outer(500.0 * (1 + 3 * labels), np.arange(1600)) * 2 * np.pi / 8000)
    sound = (tone + 0.1 * random.standard_normal(tone.shape)).astype(np.float32)[..., None]
    alone = pretrain(hearing, sound, labels, recipe=RECIPE, seed=0)
    mixed = pretrain(hearing, sound, labels, recipe=RECIPE, seed=0, mixed=sound)
    moments = [name for name in mixed.model.arrays if name.endswith(".mean")][1:]  # after the input statistics
    assert moments
    for name in moments:  # the same windows have the same moments; raw samples would have had others
        np.testing.assert_allclose(mixed.model.arrays[name], alone.model.arrays[name], atol=0.2)
