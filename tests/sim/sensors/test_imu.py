"""An IMU reads what physics says it feels, and errs as its parameters say."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.priors import Parameters
from sim.sensors.imu import GRAVITY_M_S2, ROWS, Motion, any_mounting, imu
from sim.sensors.motion import still, tumbling

pytestmark = pytest.mark.usefixtures("strict")

KEY = jax.random.key(0)
SENSOR = imu(rate_hz=100.0)
measure = jax.jit(SENSOR.measure)
ERRORS = ("_rad", "bias", "drift", "noise", "wander", "walk")
PERFECT = {  # a device without any error
    **{f"imu_{p.name}": 0.0 for p, _ in ROWS if any(word in p.name for word in ERRORS)},
    "imu_acc_scale": 1.0, "imu_gyr_scale": 1.0, "imu_acc_misalignment": 0.0, "imu_gyr_misalignment": 0.0,
    "imu_wander_s": 100.0, "imu_start_cel": 25.0, "imu_warming_k": 0.0,
    "imu_acc_range_m_s2": 160.0, "imu_gyr_range_rad_s": 35.0,
    "imu_acc_resolution_m_s2": 1e-6, "imu_gyr_resolution_rad_s": 1e-6,
}  # fmt: skip


def _device(**changes: float) -> Parameters:
    return SENSOR.prior.replace(**{**PERFECT, **{f"imu_{name}": value for name, value in changes.items()}}).centre()


def _attitude(axis: tuple[float, float, float], angle_rad: float) -> list[float]:
    return [math.cos(angle_rad / 2), *(math.sin(angle_rad / 2) * part for part in axis)]


def _read(motion: Motion, **changes: float) -> np.ndarray:
    return np.asarray(measure(motion, _device(**changes), KEY))


def _held(attitude: list[float], count: int = 4) -> Motion:
    return still(count)._replace(orientation=jnp.tile(jnp.array([attitude]), (count, 1)))


def test_at_rest_it_feels_the_ground_push_upwards() -> None:
    np.testing.assert_allclose(_read(still(4)), [[0, 0, GRAVITY_M_S2, 0, 0, 0]] * 4, atol=1e-5)


def test_in_free_fall_it_feels_nothing() -> None:
    falling = still(4)._replace(acceleration_m_s2=jnp.tile(jnp.array([[0.0, 0.0, -GRAVITY_M_S2]]), (4, 1)))
    np.testing.assert_allclose(_read(falling), 0, atol=1e-5)


def test_pitched_nose_down_gravity_shows_on_the_axis_that_looks_down() -> None:
    """Turned by +90 deg about y, the body's x axis points to the ground: it reads minus one g."""
    nose_down = _held(_attitude((0.0, 1.0, 0.0), math.pi / 2))
    np.testing.assert_allclose(_read(nose_down)[0, :3], [-GRAVITY_M_S2, 0, 0], atol=1e-4)


@pytest.mark.parametrize(
    ("angle", "expected"),
    [("roll_rad", [0, GRAVITY_M_S2, 0]), ("pitch_rad", [-GRAVITY_M_S2, 0, 0]), ("yaw_rad", [0, 0, GRAVITY_M_S2])],
)
def test_a_turned_case_feels_gravity_on_another_axis(angle: str, expected: list[float]) -> None:
    np.testing.assert_allclose(_read(still(2), **{angle: math.pi / 2})[0, :3], expected, atol=1e-4)


def test_the_mounting_turns_rotation_as_it_turns_force() -> None:
    spinning = still(2)._replace(rotation_rad_s=jnp.tile(jnp.array([[0.0, 0.0, 1.0]]), (2, 1)))
    read = _read(spinning, yaw_rad=0.4, pitch_rad=-0.7, roll_rad=1.9)[0]
    np.testing.assert_allclose(read[3:], read[:3] / GRAVITY_M_S2, atol=1e-5)  # both point along the world's z


@settings(max_examples=25)
@given(st.floats(-3, 3), st.floats(-1.5, 1.5), st.floats(-3, 3), st.integers(0, 9))
def test_no_mounting_changes_how_long_force_and_rotation_are(yaw: float, pitch: float, roll: float, seed: int) -> None:
    motion = tumbling(jax.random.key(seed), 16, 100.0)
    read = _read(motion, yaw_rad=yaw, pitch_rad=pitch, roll_rad=roll)
    upward = np.asarray(motion.acceleration_m_s2) + np.array([0, 0, GRAVITY_M_S2])
    np.testing.assert_allclose(np.linalg.norm(read[:, :3], axis=1), np.linalg.norm(upward, axis=1), atol=1e-4)
    speed = np.linalg.norm(np.asarray(motion.rotation_rad_s), axis=1)
    np.testing.assert_allclose(np.linalg.norm(read[:, 3:], axis=1), speed, atol=1e-4)


def test_any_mounting_sends_gravity_everywhere_alike() -> None:
    """Of a direction that is uniform on the sphere, each coordinate is uniform from -1 to 1."""
    devices = SENSOR.prior.replace(**{**PERFECT, **any_mounting()}).sample(KEY, 4000)
    felt = np.asarray(jax.jit(jax.vmap(lambda p: SENSOR.measure(still(1), p, KEY)))(devices))[:, 0, :3] / GRAVITY_M_S2
    for axis in range(3):
        expected = np.linspace(-1, 1, 4000)
        assert np.abs(np.sort(felt[:, axis]) - expected).max() < 0.06  # Kolmogorov: 0.03 of the range, p > 0.001


def test_a_tumbling_body_and_its_gyroscope_agree() -> None:
    """Gravity's change in the body is what the rotation makes of it: df/dt = f x w."""
    motion = tumbling(KEY, 400, 1000.0)._replace(acceleration_m_s2=jnp.zeros((400, 3)))
    read = np.asarray(jax.jit(imu(rate_hz=1000.0).measure)(motion, _device(), KEY), np.float64)
    force, rotation = read[:, :3], read[:, 3:]
    change = (force[20:] - force[:-20]) / 0.02
    np.testing.assert_allclose(change, np.cross(force, rotation)[10:-10], atol=0.1)


def test_scale_misalignment_bias_and_temperature_act_as_named() -> None:
    read = _read(still(2), acc_scale=1.1, acc_misalignment=0.01, acc_bias_m_s2=0.3, gyr_bias_rad_s=0.02)[0]
    np.testing.assert_allclose(read[:3], np.array([0.01, 0.01, 1.1]) * GRAVITY_M_S2 + 0.3, atol=1e-4)
    np.testing.assert_allclose(read[3:], 0.02, atol=1e-5)
    warm = _read(still(2000), gyr_drift_rad_s_k=1e-3, start_cel=15.0, warming_k=20.0, warming_s=10.0)[:, 3]
    seconds = np.arange(2000) / 100
    np.testing.assert_allclose(warm, 1e-3 * (-10 + 20 * (1 - np.exp(-seconds / 10))), atol=1e-5)


def test_misalignment_names_the_axis_that_reads_then_the_one_that_leaks() -> None:
    leaks = {**_device(), "imu_acc_misalignment": jnp.array([0.0, 0.02, 0.0, 0.0, 0.0, 0.0])}  # xz
    np.testing.assert_allclose(measure(still(1), leaks, KEY)[0, :2], [0.02 * GRAVITY_M_S2, 0], atol=1e-4)


def test_noise_has_its_density_at_any_rate() -> None:
    for rate_hz in (25.0, 400.0):
        read = np.asarray(jax.jit(imu(rate_hz=rate_hz).measure)(still(20_000), _device(acc_noise_m_s2_rthz=0.002), KEY))
        np.testing.assert_allclose(read[:, :3].std(axis=0), 0.002 * math.sqrt(rate_hz), rtol=0.03)


def test_the_wander_starts_as_wide_as_it_stays() -> None:
    device = _device(gyr_wander_rad_s=1e-2, wander_s=2.0)
    keys = jax.random.split(KEY, 1500)
    read = np.asarray(jax.jit(jax.vmap(lambda key: SENSOR.measure(still(300), device, key)))(keys))[:, :, 3:]
    np.testing.assert_allclose(read[:, ::100].std(axis=(0, 2)), 1e-2, rtol=0.05)
    apart = np.mean(read[:, 0] * read[:, 200]) / 1e-4
    assert apart == pytest.approx(math.exp(-1), abs=0.05)


def test_the_walk_spreads_with_the_root_of_time() -> None:
    keys = jax.random.split(KEY, 1500)
    device = _device(acc_walk_m_s3_rthz=0.1)
    read = np.asarray(jax.jit(jax.vmap(lambda key: SENSOR.measure(still(401), device, key)))(keys))
    spread = read[:, [100, 400], 0].std(axis=0)
    np.testing.assert_allclose(spread, [0.1, 0.2], rtol=0.08)


def test_readings_saturate_and_come_in_steps() -> None:
    read = _read(still(2), acc_range_m_s2=5.0, acc_resolution_m_s2=0.125)[0]
    assert read[2] == 5.0
    steps = _read(tumbling(KEY, 64, 100.0), acc_resolution_m_s2=0.125)[:, :3] / 0.125
    np.testing.assert_array_equal(steps, np.round(steps))


def test_two_of_them_fit_in_one_world() -> None:
    phone, watch = imu(rate_hz=50.0, name="phone"), imu(rate_hz=50.0, name="watch", channel_prefix="watch_")
    assert not {p.name for p in phone.parameters} & {p.name for p in watch.parameters}
    assert not {c.name for c in phone.channels} & {c.name for c in watch.channels}
