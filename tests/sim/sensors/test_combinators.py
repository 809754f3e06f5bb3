"""What is put behind a sensor does what its name says, and nothing when its parameter is zero."""

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.check_sensor import check_sensor
from sim.priors import Constant, Uniform
from sim.sensor import Sensor
from sim.sensors.combinators import delayed, dropping, jittered, quantised, resampled, saturated
from sim.sensors.imu import imu
from slipway.errors import Refused
from tests.sim.sensors.toy import TOY

pytestmark = pytest.mark.usefixtures("strict")

KEY = jax.random.key(0)
COUNT = 64
SLOPE = np.stack([np.arange(COUNT), 3 - 2 * np.arange(COUNT)], axis=1).astype(np.float32)
WAVE = np.asarray(TOY.example(KEY, COUNT))


def _read(sensor: Sensor, truth: np.ndarray = WAVE, key: jax.Array = KEY, **changes: float) -> np.ndarray:
    parameters = sensor.prior.replace(toy_offset_m=0.0, **changes).centre()
    return np.asarray(sensor.measure(jnp.asarray(truth), parameters, key))


PUT: dict[str, Callable[[Sensor], Sensor]] = {
    "delayed": delayed,
    "jittered": jittered,
    "dropping": dropping,
    "quantised": lambda sensor: quantised(sensor, Constant(0.01)),
    "saturated": lambda sensor: saturated(sensor, Constant(0.8)),
    "resampled": lambda sensor: resampled(sensor, 40.0),
}


@pytest.mark.parametrize(
    ("put", "changes"),
    [
        (delayed, {"toy_delay_s": 0.0}),
        (jittered, {"toy_jitter_s": 0.0}),
        (dropping, {"toy_lost_share": 0.0}),
        (PUT["saturated"], {"toy_limit_m": 1e6}),
        (lambda sensor: resampled(sensor, 100.0), {}),
    ],
)
def test_nothing_put_behind_changes_nothing(put: Callable[[Sensor], Sensor], changes: dict[str, float]) -> None:
    np.testing.assert_allclose(_read(put(TOY), **changes), WAVE, atol=1e-6)


@settings(max_examples=25)
@given(st.floats(0, 0.2))
def test_a_delay_moves_a_line_by_its_fraction_of_a_sample(delay_s: float) -> None:
    read = _read(delayed(TOY, Uniform(0.0, 0.2)), SLOPE, toy_delay_s=delay_s)
    old = np.maximum(np.arange(COUNT) - delay_s * 100, 0)
    np.testing.assert_allclose(read, np.stack([old, 3 - 2 * old], axis=1), atol=1e-3)


def test_a_delay_of_whole_samples_repeats_the_samples() -> None:
    np.testing.assert_allclose(_read(delayed(TOY), toy_delay_s=0.05)[5:], WAVE[:-5], atol=1e-5)


def test_jitter_has_its_deviation_and_keeps_the_order() -> None:
    line = np.repeat(np.arange(4000, dtype=np.float32)[:, None], 2, axis=1)
    early = _read(jittered(TOY), line, toy_jitter_s=1e-3)[1:-1, 0] - line[1:-1, 0]
    assert early.std() == pytest.approx(0.1, rel=0.05)
    wild = _read(jittered(TOY), line, toy_jitter_s=5.0)[:, 0]
    assert np.all(np.diff(wild) >= 0) and np.abs(wild - line[:, 0]).max() <= 0.5


def test_a_lost_sample_shows_the_last_one_in_all_channels() -> None:
    line = np.repeat(np.arange(4000, dtype=np.float32)[:, None], 2, axis=1)
    read = _read(dropping(TOY), line, toy_lost_share=0.3)
    lost = read[:, 0] != line[:, 0]
    assert lost.mean() == pytest.approx(0.3, abs=0.03)
    np.testing.assert_array_equal(read[:, 0], read[:, 1])
    np.testing.assert_array_equal(read[1:][lost[1:]], read[:-1][lost[1:]])
    np.testing.assert_array_equal(_read(dropping(TOY), line, toy_lost_share=1.0), line * 0)


@settings(max_examples=25)
@given(st.floats(1e-3, 2.0))
def test_quantised_readings_are_multiples_and_no_further_than_half_a_step(step: float) -> None:
    read = _read(quantised(TOY, Constant(0.01)), toy_step_m=step) / np.float32(step)
    np.testing.assert_allclose(read, np.round(read), atol=1e-4)
    assert np.abs(read * step - WAVE).max() <= step / 2 + 1e-5


def test_saturated_readings_stay_within_and_are_untouched_inside() -> None:
    read = _read(saturated(TOY, Constant(0.5)))
    np.testing.assert_allclose(read, np.clip(WAVE, -0.5, 0.5), atol=1e-6)


@pytest.mark.parametrize("rate_hz", [25.0, 37.0, 100.0, 250.0])
def test_resampling_keeps_what_both_rates_can_carry(rate_hz: float) -> None:
    seconds = np.arange(400, dtype=np.float32) / 100
    slow = np.repeat(np.sin(2 * np.pi * 5 * seconds)[:, None], 2, axis=1)
    read = _read(resampled(TOY, rate_hz), slow)[:, 0]
    new = np.arange(len(read)) / rate_hz
    assert new[-1] <= seconds[-1] < new[-1] + 1 / rate_hz + 1e-6
    inside = (new > 0.5) & (new < 3.4)
    np.testing.assert_allclose(read[inside], np.sin(2 * np.pi * 5 * new)[inside], atol=0.02)


def test_resampling_lets_no_alias_through() -> None:
    """20 Hz read at 25 Hz would show as 5 Hz; linear interpolation would let all of it through."""
    seconds = np.arange(400, dtype=np.float32) / 100
    fast = np.repeat(np.sin(2 * np.pi * 20 * seconds)[:, None], 2, axis=1)
    assert np.abs(_read(resampled(TOY, 25.0), fast)[12:-12]).max() < 0.01


def test_a_constant_stays_one_up_to_the_ends() -> None:
    np.testing.assert_allclose(_read(resampled(TOY, 37.0), np.ones_like(WAVE)), 1.0, atol=1e-6)


ORDERS = list(itertools.permutations(["delayed", "dropping", "quantised", "resampled"], 3))


@pytest.mark.parametrize("order", ORDERS)
def test_any_order_has_the_same_parameters_and_a_reading_as_long(order: tuple[str, ...]) -> None:
    sensor = TOY
    for name in order:
        sensor = PUT[name](sensor)
    added = {"delayed": "toy_delay_s", "dropping": "toy_lost_share", "quantised": "toy_step_m"}
    assert {p.name for p in sensor.parameters} == {"toy_offset_m", *(added[n] for n in order if n in added)}
    truth = sensor.example(KEY, 50)
    assert jax.eval_shape(sensor.measure, truth, sensor.prior.centre(), KEY).shape == (50, 2)


def test_all_of_them_together_keep_the_contract_of_a_sensor() -> None:
    sensor = TOY
    for put in PUT.values():
        sensor = put(sensor)
    check_sensor(sensor, sample_count=300)


def test_a_unit_picks_the_channels() -> None:
    sensor = quantised(saturated(imu(rate_hz=50.0), Constant(3.0), "m/s2"), Constant(0.5), "rad/s")
    assert {p.name for p in sensor.parameters} >= {"imu_limit_m_s2", "imu_step_rad_s"}
    read = np.asarray(sensor.measure(sensor.example(KEY, 64), sensor.prior.centre(), KEY))
    assert np.abs(read[:, :3]).max() == 3.0
    np.testing.assert_array_equal(read[:, 3:] * 2, np.round(read[:, 3:] * 2))
    assert not np.array_equal(read[:, :3] * 2, np.round(read[:, :3] * 2))


@pytest.mark.parametrize(
    ("make", "field", "remedy"),
    [
        (lambda: delayed(delayed(TOY)), "toy_delay_s", "once"),
        (lambda: quantised(imu(rate_hz=50.0), Constant(0.1)), "unit", "Name the unit"),
        (lambda: saturated(TOY, Constant(0.1), "rad/s"), "unit", "Use one of m"),
        (lambda: resampled(TOY, 0.0), "rate_hz", "samples a second"),
    ],
)
def test_what_cannot_be_put_behind_is_refused(make: Callable[[], Sensor], field: str, remedy: str) -> None:
    with pytest.raises(Refused) as refusal:
        make()
    assert refusal.value.field == field and remedy in refusal.value.remedy
