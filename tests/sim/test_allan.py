"""The Allan deviation tells noises apart, and a still IMU shows those that its parameters promise."""

import functools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.allan import allan_deviation
from sim.sensors.imu import imu
from sim.sensors.motion import still
from slipway.errors import Refused

RATE_HZ = 20.0
SECONDS = 3000
UNITS = 8  # devices recorded: 24 axes of each kind
KINDS = {"acc": ("m_s2", "m_s3", 2e-3, 1e-3), "gyr": ("rad_s", "rad_s2", 1e-4, 5e-5)}  # units, N, K


@functools.cache
def _recording(noise: bool, walk: bool, wander: bool) -> np.ndarray:
    """(time, units * 6) of devices at rest with some of their noises."""
    sensor = imu(rate_hz=RATE_HZ)
    quiet = {p.name: 1e-7 for p in sensor.parameters if "resolution" in p.name}
    for kind, (unit, walk_unit, n, k) in KINDS.items():
        quiet |= {
            f"imu_{kind}_drift_{unit}_k": 0.0,
            f"imu_{kind}_noise_{unit}_rthz": n * noise,
            f"imu_{kind}_walk_{walk_unit}_rthz": k * walk,
            f"imu_{kind}_wander_{unit}": 10 * n * wander,
        }
    device = sensor.prior.replace(**quiet, imu_wander_s=10.0).centre()
    motion = still(int(SECONDS * RATE_HZ))
    read = jax.jit(lambda key: sensor.measure(motion, device, key))
    found = [np.asarray(read(key)) for key in jax.random.split(jax.random.key(1), UNITS)]
    return np.stack(found).transpose(1, 2, 0)


def _curve(spans: np.ndarray, kind: str, **noises: bool) -> np.ndarray:
    """Deviation (spans,), the root mean square of all axes of a kind."""
    columns = slice(0, 3) if kind == "acc" else slice(3, 6)
    recorded = _recording(**{"noise": False, "walk": False, "wander": False, **noises})[:, columns]
    return np.sqrt(np.mean(allan_deviation(recorded, spans) ** 2, axis=(1, 2)))


def _line(seconds: np.ndarray, deviation: np.ndarray) -> tuple[float, float]:
    """Slope and value at one second of a straight line on logarithmic axes."""
    slope, level = np.polyfit(np.log(seconds), np.log(deviation), 1)
    return float(slope), float(np.exp(level))


@pytest.mark.parametrize("kind", KINDS)
def test_white_noise_falls_with_slope_minus_a_half_through_its_density_at_a_second(kind: str) -> None:
    spans = np.array([2, 4, 8, 16, 20])
    slope, density = _line(spans / RATE_HZ, _curve(spans, kind, noise=True, walk=True))
    assert slope == pytest.approx(-0.5, abs=0.05)
    assert density == pytest.approx(KINDS[kind][2], rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_walk_rises_with_slope_a_half(kind: str) -> None:
    """The line is K sqrt(tau / 3); K is read off it in the middle of the spans, where the fit is surest."""
    spans = np.array([400, 600, 800, 1200, 1600])
    slope, level = _line(spans / RATE_HZ, _curve(spans, kind, noise=True, walk=True))
    assert slope == pytest.approx(0.5, abs=0.1)
    assert level * np.sqrt(3) * (spans[2] / RATE_HZ) ** (slope - 0.5) == pytest.approx(KINDS[kind][3], rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_wander_peaks_at_0618_of_its_deviation_after_189_correlation_times(kind: str) -> None:
    spans = np.array([75, 150, 250, 378, 600, 1200, 3000])
    curve = _curve(spans, kind, wander=True)
    assert spans[np.argmax(curve)] in (250, 378, 600)  # 18.9 s are 378 samples
    assert curve[3] == pytest.approx(0.618 * 10 * KINDS[kind][2], rel=0.1)


def test_it_equals_the_definition_by_averages() -> None:
    readings = np.random.default_rng(0).normal(size=101)
    means = np.convolve(readings, np.full(7, 1 / 7), "valid")
    expected = np.sqrt(np.mean((means[7:] - means[:-7]) ** 2) / 2)
    assert allan_deviation(readings, [7])[0] == pytest.approx(expected, rel=1e-12)


@settings(max_examples=30)
@given(st.integers(1, 40), st.floats(-1e3, 1e3), st.floats(0.1, 10))
def test_an_offset_does_not_show_and_a_gain_scales(span: int, offset: float, gain: float) -> None:
    readings = np.random.default_rng(span).normal(size=(100, 2))
    np.testing.assert_allclose(
        allan_deviation(gain * readings + offset, [span]), gain * allan_deviation(readings, [span]), rtol=1e-9
    )


@pytest.mark.parametrize("spans", [[0], [51], [1, 60]])
def test_spans_that_a_recording_cannot_hold_are_refused(spans: list[int]) -> None:
    with pytest.raises(Refused) as refusal:
        allan_deviation(np.zeros(100), spans)
    assert refusal.value.field == "spans" and "1 to 50" in str(refusal.value)
