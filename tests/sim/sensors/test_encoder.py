"""An encoder counts lines of a disc that may sit off its axis; a tachometer has a gain and a ripple."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.sensor import Sensor
from sim.sensors.encoder import encoder, tachometer
from sim.sensors.joint import Joints

pytestmark = pytest.mark.usefixtures("strict")

KEY = jax.random.key(0)
TURN = 2 * math.pi


def _turning(count: int = 200, joints: int = 1, rad_s: float = 3.0) -> Joints:
    """At 100 Hz, joint j runs j + 1 times as fast."""
    speed = rad_s * jnp.ones((count, 1)) * jnp.arange(1.0, joints + 1)[None]
    angle = speed * jnp.arange(count, dtype=jnp.float32)[:, None] / 100
    return Joints(angle, speed, jnp.zeros_like(angle))


def _read(sensor: Sensor, truth: Joints, **changes: float) -> np.ndarray:
    errors = {p.name: 0.0 for p in sensor.parameters if p.low <= 0 <= p.high}
    gains = {p.name: 1.0 for p in sensor.parameters if p.name.endswith("gain")}
    changes = {f"{sensor.name}_{name}": value for name, value in changes.items()}
    parameters = sensor.prior.replace(**(errors | gains | changes)).centre()
    return np.asarray(jax.jit(sensor.measure)(truth, parameters, KEY))


def test_it_reads_the_angle_in_counts() -> None:
    truth = _turning()
    read = _read(encoder(rate_hz=100.0), truth, counts_per_turn=100.0)
    counts = read / TURN * 100
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)
    assert np.abs(read - truth.angle_rad).max() <= TURN / 200 + 1e-5


def test_a_disc_off_its_axis_errs_once_a_turn() -> None:
    truth = _turning()
    read = _read(encoder(rate_hz=100.0), truth, counts_per_turn=1e6, eccentricity_rad=0.02, phase_rad=0.5)
    np.testing.assert_allclose(read - truth.angle_rad, 0.02 * np.sin(truth.angle_rad + 0.5), atol=1e-4)


def test_every_joint_has_its_own_offset() -> None:
    sensor = encoder(rate_hz=100.0, joint_count=2)
    devices = sensor.prior.sample(KEY, 1)
    own = {name: value[0] for name, value in devices.items()} | {"encoder_eccentricity_rad": jnp.zeros(2)}
    read = sensor.measure(_turning(joints=2), own, KEY)[0]
    np.testing.assert_allclose(read, own["encoder_offset_rad"], atol=TURN / 1024 / 2)
    assert [channel.name for channel in sensor.channels] == ["angle_0", "angle_1"]


def test_a_speed_from_differences_is_in_counts_over_the_sample_time() -> None:
    read = _read(encoder(rate_hz=100.0, velocity=True), _turning(), counts_per_turn=100.0, smoothing_s=0.0)
    counts = read[:, 1] * 0.01 / TURN * 100
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)
    assert read[1:, 1].mean() == pytest.approx(3.0, rel=0.02) and read[:, 1].std() > 1.0


def test_smoothing_quietens_the_speed_and_makes_it_late() -> None:
    sensor, truth = encoder(rate_hz=100.0, velocity=True), _turning(600)
    raw, smooth = (_read(sensor, truth, counts_per_turn=100.0, smoothing_s=s)[100:, 1] for s in (0.0, 0.1))
    assert smooth.std() < 0.4 * raw.std()
    stopping = truth._replace(angle_rad=jnp.minimum(truth.angle_rad, 9.0))  # stops at the 300th sample
    after = _read(sensor, stopping, counts_per_turn=1e6, smoothing_s=0.1)[299:311, 1]
    assert after[-1] / after[1] == pytest.approx(math.exp(-1), abs=0.02)


def test_a_tachometer_has_gain_offset_and_a_ripple_of_its_bars() -> None:
    truth = _turning()
    read = _read(tachometer(rate_hz=100.0), truth, gain=1.1, offset_rad_s=0.2, ripple=0.05, bars_per_turn=9.0)
    expected = 1.1 * 3 * (1 + 0.05 * np.cos(9 * np.asarray(truth.angle_rad))) + 0.2
    np.testing.assert_allclose(read, expected, atol=1e-4)


def test_its_noise_has_its_density() -> None:
    read = _read(tachometer(rate_hz=100.0), _turning(20_000), noise_rad_s_rthz=0.01)
    assert read.std() == pytest.approx(0.1, rel=0.03)
