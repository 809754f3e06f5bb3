"""The ring hears what the physics of a mirror-like wall says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.priors import Parameters
from sim.rooms import closed
from sim.sensors import ultrasound
from sim.sensors.ultrasound import BEAM_COUNT, FRONT_BEAM, SPACING_RAD
from sim.worlds.rover import PRIOR

KEY = jax.random.key(0)
ring = jax.jit(ultrasound.ring)
WALL = jnp.array([[2.0, -9.0, 2.0, 9.0]])  # 2 m ahead, facing the robot
AHEAD = jnp.zeros(3)
QUIET = dict(  # no chance, no error
    fluctuation_db=0.0, dropout_share=0.0, range_noise_m=0.0, range_bias_m=0.0, range_gain=1.0, beam_yaw_rad=0.0,
    beam_budget_db=0.0, mounting_yaw_rad=0.0, ring_radius_m=0.2, rough_loss_db=120.0, edge_loss_db=10.0,
)  # fmt: skip


def _quiet(**changes: float) -> Parameters:
    return PRIOR.replace(**(QUIET | changes)).centre()


def _read(walls: jax.Array, pose: jax.Array = AHEAD, key: jax.Array = KEY, **changes: float) -> np.ndarray:
    return np.asarray(ring(pose, walls, jnp.zeros(len(walls)), _quiet(**changes), key))


def test_a_reading_is_float32_one_number_a_beam() -> None:
    assert _read(WALL).shape == (BEAM_COUNT,) and _read(WALL).dtype == np.float32


def test_the_wall_ahead_is_measured_from_the_ring() -> None:
    assert _read(WALL)[FRONT_BEAM] == pytest.approx(1.8, abs=0.002)


def test_tilted_beams_read_the_perpendicular_distance_not_the_one_along_their_axis() -> None:
    """A region of constant depth: only the ranger's own place on the ring tells."""
    reading = _read(WALL, budget_db=60.0)
    tilt = SPACING_RAD
    assert reading[FRONT_BEAM + 1] == pytest.approx(2.0 - 0.2 * np.cos(tilt), abs=0.002)
    assert reading[FRONT_BEAM - 1] == reading[FRONT_BEAM + 1]
    assert 2.0 / np.cos(tilt) - 0.2 > reading[FRONT_BEAM + 1] + 0.05


def test_an_oblique_wall_is_not_heard_unless_it_is_rough() -> None:
    oblique = FRONT_BEAM + 4
    assert _read(WALL)[oblique] == 5.0
    assert _read(WALL, rough_loss_db=0.0, budget_db=70.0)[oblique] < 5.0


def test_a_quieter_budget_narrows_the_cone() -> None:
    heard = [np.sum(_read(WALL, budget_db=budget) < 5.0) for budget in (5.0, 30.0, 60.0)]
    assert heard[0] == 0 and 0 < heard[1] < heard[2]


def test_a_corner_answers_from_where_it_is() -> None:
    corner = jnp.array([[1.0, 1.0, 1.0, 4.0], [1.0, 1.0, 4.0, 1.0]])  # seen at 45 deg, three beams to the left
    assert _read(corner, budget_db=50.0)[FRONT_BEAM + 3] == pytest.approx(np.sqrt(2) - 0.2, abs=0.01)


def test_turning_the_robot_shifts_the_beams() -> None:
    room = closed(jnp.array([[-2.0, -1.0], [-2.0, 2.0], [3.0, 2.0], [3.0, -1.0]]))
    turned = _read(room, jnp.array([0.0, 0.0, 2 * SPACING_RAD]))
    np.testing.assert_allclose(turned, np.roll(_read(room), -2), atol=0.002)


def test_a_turned_mounting_looks_like_a_turned_robot() -> None:
    room = closed(jnp.array([[-2.0, -1.0], [-2.0, 2.0], [3.0, 2.0], [3.0, -1.0]]))
    turned = _read(room, jnp.array([0.0, 0.0, 0.1]))
    np.testing.assert_array_equal(_read(room, mounting_yaw_rad=0.1), turned)


def test_nothing_within_range_reads_the_limit() -> None:
    assert np.all(_read(WALL + jnp.array([9.0, 0, 9.0, 0])) == 5.0)


def test_gain_bias_and_resolution_act_on_the_reading() -> None:
    read = _read(WALL, range_gain=1.1, range_bias_m=0.03, resolution_m=0.05)[FRONT_BEAM]
    assert read == pytest.approx(round((1.1 * 1.8 + 0.03) / 0.05) * 0.05, abs=1e-5)


def test_noise_has_its_deviation_and_dropouts_their_share() -> None:
    keys = jax.random.split(KEY, 4000)
    parameters = _quiet(range_noise_m=0.05, dropout_share=0.2)
    front = jax.vmap(lambda key: ring(AHEAD, WALL, jnp.zeros(1), parameters, key))(keys)[:, FRONT_BEAM]
    assert np.mean(front == 5.0) == pytest.approx(0.2, abs=0.03)
    assert np.std(front[front < 5.0]) == pytest.approx(0.05, rel=0.1)


def test_loud_walls_answer_where_quiet_ones_do_not() -> None:
    parameters = _quiet(budget_db=10.0)
    quiet, loud = (ring(AHEAD, WALL, jnp.array([db]), parameters, KEY)[FRONT_BEAM] for db in (-10.0, 20.0))
    assert quiet == 5.0 and loud < 5.0
