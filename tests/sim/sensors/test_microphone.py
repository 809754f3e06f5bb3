"""What a microphone adds is what its parameters say: room, noise, band, level, clipping."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.check_sensor import check_sensor
from sim.priors import Parameters
from sim.sensors.microphone import KNOT_COUNT, KNOT_HZ, _room, microphone

MIC = microphone(rate_hz=8000.0)
CLEAN = dict(
    mic_direct_db=60.0, mic_low_hz=1.0, mic_high_hz=1e5, mic_tilt_db=0.0, mic_ripple_db=0.0, mic_noise_db=100.0,
    mic_hum_db=120.0, mic_level_db=-20.0, mic_clip=1.0, mic_bits=24.0,
)  # fmt: skip
KEY = jax.random.key(0)
measure = jax.jit(MIC.measure)


def _parameters(**changes: float) -> Parameters:
    return MIC.prior.replace(**(CLEAN | changes)).centre()


def _heard(sound: np.ndarray, key: jax.Array = KEY, **changes: float) -> np.ndarray:
    return np.asarray(measure(jnp.asarray(sound, jnp.float32), _parameters(**changes), key))[:, 0]


def _tone(hz: float, count: int = 4000) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(count) / 8000).astype(np.float32)


def _level_db(signal: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(signal, dtype=np.float64))))


def test_it_keeps_the_contract_of_a_sensor() -> None:
    check_sensor(MIC)
    check_sensor(microphone(rate_hz=16000.0, name="ear"))


def test_a_perfect_one_hears_the_sound_at_its_level() -> None:
    heard = _heard(_tone(700))
    np.testing.assert_allclose(heard, 0.1 * np.sqrt(2) * _tone(700), atol=2e-3)


@settings(max_examples=20)
@given(st.floats(-60, -10), st.floats(1e-3, 1e3))
def test_the_level_is_set_whatever_the_loudness_of_the_voice(level_db: float, loudness: float) -> None:
    assert _level_db(_heard(loudness * _tone(700), mic_level_db=level_db)) == pytest.approx(level_db, abs=0.1)


@settings(max_examples=20)
@given(st.floats(0, 40), st.floats(0, 6))
def test_noise_lies_under_the_speech_by_the_ratio(noise_db: float, fall_db: float) -> None:
    noisy = _heard(_tone(700), mic_noise_db=noise_db, mic_noise_fall_db=fall_db)
    clean = _heard(_tone(700))
    assert _level_db(noisy - clean) == pytest.approx(-20 - noise_db, abs=0.3)


def test_noise_falls_by_so_many_decibels_an_octave() -> None:
    noise = _heard(_tone(700, 16000), mic_noise_db=-10.0, mic_noise_fall_db=6.0, mic_level_db=-40.0)
    power = np.abs(np.fft.rfft(noise)) ** 2
    hz = np.fft.rfftfreq(16000, 1 / 8000)
    low, high = (power[(hz > f) & (hz < 1.4 * f)].mean() for f in (400, 1600))
    assert 10 * np.log10(low / high) == pytest.approx(12.0, abs=1.5)


@pytest.mark.parametrize(("corner", "hz"), [("mic_low_hz", 100.0), ("mic_high_hz", 2000.0)])
def test_the_band_ends_at_its_corners(corner: str, hz: float) -> None:
    """-3 dB at a corner against the middle of the band."""
    sound = _tone(hz, 8000) + _tone(600, 8000)
    heard = np.abs(np.fft.rfft(_heard(sound, **{corner: hz}))[[int(hz), 600]])
    assert 20 * np.log10(heard[0] / heard[1]) == pytest.approx(-3.0, abs=0.2)


def test_a_tilt_rises_by_so_many_decibels_an_octave() -> None:
    heard = np.abs(np.fft.rfft(_heard(_tone(500, 8000) + _tone(2000, 8000), mic_tilt_db=3.0))[[500, 2000]])
    assert 20 * np.log10(heard[1] / heard[0]) == pytest.approx(6.0, abs=0.1)


def test_a_ripple_is_the_response_at_its_knots() -> None:
    hz = np.round(np.geomspace(*KNOT_HZ, KNOT_COUNT)[2:5]).astype(int)
    raised = {**_parameters(), "mic_ripple_db": jnp.array([0, 0, 0, 9.0, 0, 0, 0, 0])}
    sound = sum(_tone(int(one), 8000) for one in hz)
    heard = np.abs(np.fft.rfft(np.asarray(measure(jnp.asarray(sound), raised, KEY))[:, 0]))[hz]
    np.testing.assert_allclose(20 * np.log10(heard / heard[0]), [0, 9, 0], atol=0.2)


@pytest.mark.parametrize("seconds", [0.1, 0.3])
def test_the_rooms_tail_falls_by_sixty_decibels_in_its_time(seconds: float) -> None:
    p = {name.removeprefix("mic_"): value for name, value in _parameters(mic_reverberation_s=seconds).items()}
    rooms = jax.vmap(lambda key: _room(key, 4000, 8000.0, p))(jax.random.split(KEY, 400))
    power = np.asarray(jnp.mean(rooms**2, axis=0))
    early, late = (power[int(f * seconds * 8000) :][:200].mean() for f in (0.3, 0.8))
    assert 10 * np.log10(early / late) == pytest.approx(30.0, abs=1.5)


@settings(max_examples=20)
@given(st.floats(-10, 30), st.integers(0, 99))
def test_the_room_has_the_energy_that_the_ratio_says(direct_db: float, seed: int) -> None:
    values = _parameters(mic_direct_db=direct_db)
    p = {name.removeprefix("mic_"): value for name, value in values.items()}
    room = np.asarray(_room(jax.random.key(seed), 4000, 8000.0, p), np.float64)
    assert room[0] == 1.0
    assert -10 * np.log10(np.sum(room[1:] ** 2)) == pytest.approx(direct_db, abs=0.1)


def test_it_clips_and_counts_in_steps() -> None:
    heard = _heard(_tone(700), mic_level_db=10.0, mic_clip=0.8)
    assert np.abs(heard).max() == pytest.approx(0.8, abs=1e-3)
    steps = _heard(_tone(700), mic_bits=8.0) * 128
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)


def test_hum_is_at_the_mains() -> None:
    heard = np.abs(np.fft.rfft(_heard(_tone(700, 8000), mic_hum_db=20.0, mic_hum_hz=50.0)))
    assert heard[:600].argmax() == 50


def test_silence_stays_finite() -> None:
    assert np.isfinite(_heard(np.zeros(800, np.float32))).all()
