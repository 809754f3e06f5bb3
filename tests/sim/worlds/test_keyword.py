"""The keyword world says what its label says, where and how its parameters say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.generate import windows
from sim.priors import Prior
from sim.voices import words
from sim.voices.voices import RATE_HZ as SPOKEN_HZ
from sim.worlds import keyword
from sim.worlds.keyword import PRIOR, SPOKEN_LENGTH, WORLD, hear, simulate, utterances

KEY = jax.random.key(0)
QUIET = dict(
    mic_direct_db=60.0, mic_noise_db=100.0, mic_hum_db=120.0, mic_tilt_db=0.0, mic_ripple_db=0.0, mic_low_hz=1.0,
    mic_high_hz=1e5, mic_level_db=-20.0, mic_clip=1.0, mic_bits=24.0, warp=0.0, formant_share=1.0, place=0.5,
    cut_share=1.0, margin_s=0.0,
)  # fmt: skip
listen = jax.jit(hear)


def _tone(seconds: float = 0.4, hz: float = 500.0) -> tuple[np.ndarray, np.float32]:
    count = int(seconds * SPOKEN_HZ)
    wave = np.zeros(SPOKEN_LENGTH, np.int16)
    wave[:count] = 20000 * np.sin(2 * np.pi * hz * np.arange(count) / SPOKEN_HZ)
    return wave, np.float32(count)


def _heard(**changes: float) -> np.ndarray:
    return np.asarray(listen(KEY, PRIOR.replace(**(QUIET | changes)).centre(), *_tone()))[:, 0]


def _extent_s(window: np.ndarray) -> tuple[float, float]:
    loud = np.flatnonzero(np.abs(window) > 1e-2)
    return loud[0] / 8000, loud[-1] / 8000


def test_a_word_lies_where_its_place_says() -> None:
    assert _extent_s(_heard()) == pytest.approx((0.3, 0.7), abs=0.01)
    assert _extent_s(_heard(place=0.0))[0] == pytest.approx(0.0, abs=0.01)
    assert _extent_s(_heard(place=1.0))[1] == pytest.approx(1.0, abs=0.01)


def test_a_shorter_vocal_tract_raises_every_frequency_and_shortens_the_word() -> None:
    heard = _heard(formant_share=1.25)
    start, end = _extent_s(heard)
    assert end - start == pytest.approx(0.4 / 1.25, abs=0.01)
    assert np.abs(np.fft.rfft(heard)).argmax() == pytest.approx(625, abs=5)


def test_a_warped_word_begins_at_another_speed_than_it_ends() -> None:
    heard = _heard(warp=0.5)
    first, last = (np.abs(np.fft.rfft(heard[part], 8000)).argmax() for part in (slice(2500, 3500), slice(4500, 5500)))
    assert first > 1.3 * last


def test_around_a_cut_recording_is_digital_silence_and_else_noise() -> None:
    assert not _heard(mic_noise_db=20.0, cut_share=1.0)[:2000].any()
    assert np.abs(_heard(mic_noise_db=20.0, cut_share=0.0)[:2000]).max() > 0


def test_each_row_asks_for_the_voice_and_the_word_of_its_parameters() -> None:
    drawn = PRIOR.replace(accent=8, variant=2, speed_wpm=200, pitch=30, spread=60).sample(KEY, 2)
    asked = utterances(drawn, [7, 7])
    assert asked[0].voice == f"{words.ACCENTS[8]}+{words.VARIANTS[2]}" and asked[0].text == words.spelled("de", 7)
    assert (asked[0].rate_wpm, asked[0].pitch, asked[0].spread) == (200, 30, 60)


def test_windows_of_a_label_sound_alike() -> None:
    """One voice, no room: the nearest window by its spectrum has the same digit."""
    prior: Prior = PRIOR.replace(**QUIET, accent=0, variant=0, speed_wpm=175, pitch=50, spread=50)
    values, labels = (np.asarray(part) for part in simulate(KEY, prior.sample(KEY, 40)))
    spectra = np.abs(np.fft.rfft(values[:, :, 0].reshape(40, 20, 400), axis=2)).reshape(40, -1)
    spectra /= np.linalg.norm(spectra, axis=1, keepdims=True)
    alike = spectra @ spectra.T - np.eye(40)
    assert np.mean(labels[alike.argmax(1)] == labels) > 0.95
    shuffled = np.random.default_rng(0).permutation(labels)
    assert np.mean(shuffled[alike.argmax(1)] == shuffled) < 0.5  # the check bites


def test_digits_are_balanced_and_the_key_decides() -> None:
    drawn = PRIOR.sample(KEY, 20)
    (values, labels), (again, same) = simulate(KEY, drawn), simulate(KEY, drawn)
    assert np.bincount(np.asarray(labels)).tolist() == [2] * 10
    assert np.array_equal(values, again) and np.array_equal(labels, same)
    assert not np.array_equal(simulate(jax.random.key(1), drawn)[0], values)


def test_a_smaller_count_is_a_prefix() -> None:
    few, many = (windows(WORLD, KEY, count)[0] for count in (3, 6))
    assert np.array_equal(few, many[:3])
    assert few.shape == (3, *keyword.TASK.sensor.window_shape) and jnp.isfinite(few).all()
