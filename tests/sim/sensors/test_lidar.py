"""Light reads along its beams what stands there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.rooms import closed
from sim.sensors.lidar import lidar
from sim.sensors.surroundings import Surroundings, circling
from sim.sensors.ultrasound import ring, ultrasound

KEY = jax.random.key(0)
SENSOR = lidar(rate_hz=10.0, beam_count=8)  # beams at -157.5, -112.5, ... 157.5 deg
BOX = closed(jnp.array([[-3.0, -2.0], [-3.0, 2.0], [5.0, 2.0], [5.0, -2.0]]))
measure = jax.jit(SENSOR.measure)


def _read(pose: tuple[float, float, float] = (0.0, 0.0, 0.0), count: int = 1, **changes: float) -> np.ndarray:
    exact = {p.name: 0.0 for p in SENSOR.parameters if p.low <= 0 <= p.high}
    changes = {"gain": 1.0, "limit_m": 12.0, "resolution_m": 1e-5} | changes
    parameters = SENSOR.prior.replace(**exact | {f"lidar_{name}": value for name, value in changes.items()}).centre()
    truth = Surroundings(jnp.tile(jnp.array([pose]), (count, 1)), BOX, jnp.zeros(len(BOX)))
    return np.asarray(measure(truth, parameters, KEY))


def test_a_beam_reads_the_distance_along_its_axis() -> None:
    half = np.pi / 8
    expected = np.array([2 / np.sin(3 * half), 4 / np.cos(half)])  # the side wall at 67.5 deg, the end at 22.5 deg
    read = _read((1.0, 0.0, 0.0))[0]
    np.testing.assert_allclose(read[[5, 4]], expected, rtol=1e-4)
    np.testing.assert_allclose(read[[2, 3]], expected, rtol=1e-4)


def test_turning_the_robot_shifts_the_beams_as_turning_the_head_does() -> None:
    np.testing.assert_allclose(_read((0.0, 0.0, np.pi / 4))[0], np.roll(_read()[0], -1), atol=1e-3)
    np.testing.assert_allclose(_read(mounting_rad=0.3), _read((0.0, 0.0, 0.3)), atol=1e-3)


def test_the_head_stands_ahead_of_the_centre() -> None:
    np.testing.assert_allclose(_read((0.0, 0.0, 0.2), ahead_m=0.5), _read((0.4900333, 0.0993347, 0.2)), atol=1e-3)


def test_gain_offset_limit_and_steps_act_on_the_reading() -> None:
    true = _read()
    np.testing.assert_allclose(_read(gain=1.1, offset_m=0.2), 1.1 * true + 0.2, atol=1e-4)
    np.testing.assert_allclose(_read(limit_m=3.0), np.minimum(true, 3.0), atol=1e-4)
    steps = _read(resolution_m=0.125) * 8
    np.testing.assert_array_equal(steps, np.round(steps))


def test_a_grazed_wall_is_not_seen() -> None:
    grazed = _read(grazing_rad=1.2)[0]
    assert grazed[4] == pytest.approx(12.0) or grazed[5] == pytest.approx(12.0)
    assert np.sum(grazed < 11.9) < np.sum(_read()[0] < 11.9)


def test_noise_grows_with_the_range_and_lost_beams_read_the_limit() -> None:
    still = _read(count=4000, noise_m=0.01, noise_share=0.01)
    np.testing.assert_allclose(still.std(axis=0), 0.01 + 0.01 * _read()[0], rtol=0.06)
    lost = _read(count=4000, lost_share=0.2) > 11.99
    np.testing.assert_allclose(lost.mean(axis=0), 0.2, atol=0.03)


def test_the_ultrasound_ring_as_a_sensor_reads_what_its_pings_read() -> None:
    sensor = ultrasound(rate_hz=9.0, name="sonar")
    truth, parameters = circling(KEY, 5, 9.0), sensor.prior.centre()
    read = jax.jit(sensor.measure)(truth, parameters, KEY)
    bare = {name.removeprefix("sonar_"): value for name, value in parameters.items()}
    ping = jax.random.split(KEY, 5)[3]
    np.testing.assert_allclose(read[3], ring(truth.pose[3], truth.walls, truth.reflectivity_db, bare, ping), atol=2e-3)
