"""The LogMel layer computes what the textbook says, whatever the level of the sound."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets.architectures import cnn, ds_cnn, mlp
from nets.inference import between
from nets.layers import Conv, LogMel, Normalize, fixed_count, moved, shapes
from nets.mel import matrices
from nets.network import Network
from nets.pretraining import Recipe, input_statistics, pretrain
from slipway.spec import Channel, SensorSpec, TaskSpec

LAYER = LogMel(8000.0, 256, 128, 40, 60.0, 3800.0, 1e-3)
SOUND = TaskSpec("sound", SensorSpec((Channel("sound", "1"),), 8000.0, 2000), ("low", "high"))


def _heard(sound: np.ndarray, layer: LogMel = LAYER) -> np.ndarray:
    """(batch, frames, bands) by the layer."""
    return np.asarray(Network((layer,), {}).run(jnp.asarray(sound, jnp.float32), 0, 1))


def _reference(sound: np.ndarray, layer: LogMel) -> np.ndarray:
    """The same with NumPy's Fourier transform, frame by frame, in double precision: (frames, bands)."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(layer.frame) / layer.frame)
    starts = range(0, len(sound) - layer.frame + 1, layer.hop)
    power = np.array([np.abs(np.fft.rfft(sound[at : at + layer.frame] * hann * 2 / hann.sum())) ** 2 for at in starts])
    hz = np.fft.rfftfreq(layer.frame, 1 / layer.rate_hz)
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (layer.low_hz, layer.high_hz))
    edges = 700 * (10 ** (np.linspace(low, high, layer.bands + 2) / 2595) - 1)
    bands = []
    for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
        weights = np.interp(hz, [left, middle, right], [0, 1, 0])
        bands.append(power @ (weights / weights.sum()))
    share = np.stack(bands, axis=1)
    return np.log(share / share.mean() + layer.floor)


@settings(max_examples=25)
@given(st.integers(0, 99), st.sampled_from([(256, 128, 40), (200, 80, 20), (128, 128, 12)]))
def test_it_is_the_logarithm_of_the_power_in_mel_bands(seed: int, form: tuple[int, int, int]) -> None:
    layer = LogMel(8000.0, *form, 60.0, 3800.0, 1e-3)
    sound = np.random.default_rng(seed).normal(size=(2, 1500, 1)) * np.linspace(0, 1, 1500)[:, None]
    expected = np.stack([_reference(one[:, 0], layer) for one in sound])
    np.testing.assert_allclose(_heard(sound, layer), expected, atol=1e-4)


def test_the_floor_and_the_hop_matter_to_the_reference() -> None:
    """The comparison above would notice: each option changes the answer."""
    sound = np.random.default_rng(0).normal(size=(1500, 1))
    for wrong in (LogMel(8000.0, 256, 128, 40, 60.0, 3800.0, 0.1), LogMel(8000.0, 256, 128, 40, 100.0, 3800.0, 1e-3)):
        assert np.abs(_heard(sound[None])[0] - _reference(sound[:, 0], wrong)).max() > 0.01


@pytest.mark.parametrize("hz", [300.0, 1000.0, 3000.0])
def test_a_tone_is_loudest_in_the_band_around_it(hz: float) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(2000) / 8000.0)[None, :, None]
    place = 2595 * np.log10(1 + hz / 700)
    low, high = (2595 * np.log10(1 + f / 700) for f in (60.0, 3800.0))
    centres = np.linspace(low, high, 42)[1:-1]
    assert abs(int(_heard(tone)[0].mean(0).argmax()) - int(np.abs(centres - place).argmin())) <= 1


@settings(max_examples=25)
@given(st.floats(1e-3, 10.0))
def test_a_louder_recording_gives_the_same_numbers(gain: float) -> None:
    sound = np.random.default_rng(0).normal(size=(1, 1500, 1))
    np.testing.assert_allclose(_heard(sound * gain), _heard(sound), atol=1e-4)


def test_silence_is_finite_and_at_the_floor() -> None:
    np.testing.assert_allclose(_heard(np.zeros((1, 1000, 1))), np.log(1e-3), rtol=1e-6)


def test_a_band_between_two_frequencies_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer bands"):
        matrices(LogMel(8000.0, 64, 32, 80, 60.0, 3800.0, 1e-3))


@pytest.mark.parametrize("shape", [(100, 1), (1000, 2), (40,)])
def test_it_takes_one_channel_of_at_least_a_frame(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="LogMel"):
        shapes((LAYER,), shape)


@pytest.mark.parametrize("architecture", [mlp, cnn, ds_cnn])
def test_every_architecture_hears_sound_through_it_and_scales_its_bands(architecture) -> None:
    layers = architecture(SOUND)
    assert isinstance(layers[0], LogMel) and layers[1] == Normalize()
    slow = TaskSpec("slow", SensorSpec((Channel("force", "N"),), 100.0, 2000), ("low", "high"))
    assert architecture(slow)[0] == Normalize()


def test_layers_without_numbers_are_counted_and_stepped_over() -> None:
    assert fixed_count((LAYER, Normalize(), Conv(4, 3))) == 1 and fixed_count((Normalize(), LAYER)) == 0
    assert moved(moved({"0.mean": 1, "12.kernel": 2}, 1), -1) == {"0.mean": 1, "12.kernel": 2}
    assert set(moved({"0.mean": 1}, 2)) == {"2.mean"}


def test_pretraining_learns_pitch_and_takes_the_statistics_of_the_bands() -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 200).astype(np.int32)
    hz = np.where(labels == 0, draw.uniform(200, 500, 200), draw.uniform(900, 2000, 200))
    seconds = np.arange(2000) / 8000.0
    sound = np.sin(2 * np.pi * hz[:, None] * seconds) + 0.1 * draw.normal(size=(200, 2000))
    values = sound[:, :, None].astype(np.float32)
    recipe = Recipe("cnn", {"widths": (8,), "sizes": (3,)}, epochs=12, learning_rate=1e-2, validation_share=0.2)
    found = pretrain(SOUND, values, labels, recipe=recipe)
    assert found.confidence is not None and found.curve[found.best_epoch].validation_accuracy == 1.0
    heard = between(found.model.layers[:1], {}, values)
    mean, deviation = input_statistics(heard)
    np.testing.assert_allclose(found.model.arrays["1.mean"], mean, atol=0.1 * deviation.max())
    again = pretrain(SOUND, values, labels, recipe=recipe, start=found.model)
    np.testing.assert_array_equal(again.model.arrays["1.mean"], found.model.arrays["1.mean"])
    assert again.curve[0].validation_accuracy == 1.0
