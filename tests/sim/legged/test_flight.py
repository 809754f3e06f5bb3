"""What is read from MuJoCo is the truth of the feet."""

import mujoco
import numpy as np

from sim.legged import quadruped
from sim.legged.flight import Feet, feet_of, put_down, slip_m_s, turned, upright, walk
from sim.legged.quadruped import FOOT_RADIUS_M, FOOT_WIDTH, TRUNK
from tests.sim.legged.test_gait import _gait
from tests.sim.legged.test_quadruped import NUMBERS

SAMPLES, HOP = 300, 2


def _walked(**changes: float) -> tuple[mujoco.MjModel, Feet, np.ndarray]:
    model = quadruped.built(NUMBERS)
    return model, *walk([model], _gait(**changes), SAMPLES, HOP)


def test_a_rolling_foot_does_not_slip_and_a_skidding_one_does() -> None:
    rotation = np.asarray([0.0, 3.0, 1.0])  # about y to the left: it rolls forward
    assert slip_m_s(np.asarray([3.0 * FOOT_RADIUS_M, 0.0, 0.0]), rotation) < 1e-12
    assert np.isclose(slip_m_s(np.asarray([0.0, 0.4, -5.0]), np.zeros(3)), 0.4)


def test_turned_is_the_rotation_of_the_quaternion() -> None:
    quarter_about_z = np.asarray([0.5**0.5, 0.0, 0.0, 0.5**0.5])
    np.testing.assert_allclose(turned(quarter_about_z, np.asarray([1.0, 0.0, 0.0])), [0.0, 1.0, 0.0], atol=1e-12)


def test_standing_feet_bear_a_quarter_each_without_slip_or_acceleration() -> None:
    model, feet, up = _walked(start_s=9.0)
    assert up.all() and feet.force_n.shape == (1, 4, SAMPLES)
    late = slice(200, None)
    assert np.isclose(feet.force_n[0, :, late].sum(0).mean(), quadruped.weight_n(model), rtol=0.01)
    assert feet.slip_m_s[0, :, late].max() < 0.01
    assert np.abs(feet.acceleration_m_s2[0, :, late]).max() < 0.1


def test_a_walking_foot_is_up_for_about_the_share_it_should_swing() -> None:
    _, feet, up = _walked(start_s=-1.0, speed_m_s=0.3)
    in_the_air = (feet.force_n[0, :, 50:] < 1.0).mean()
    assert up.all() and 0.2 < in_the_air < 0.6  # it swings for 0.4 of a cycle


def test_acceleration_adds_up_to_velocity() -> None:
    sensed = np.random.default_rng(0).normal(size=(1, 50, FOOT_WIDTH * 4 + 6))
    velocity = sensed[0, :, FOOT_WIDTH - 3 : FOOT_WIDTH]
    feet = feet_of(sensed, 0.004)
    gained = 0.004 * feet.acceleration_m_s2[0, 0].sum(0)
    np.testing.assert_allclose(gained, velocity[-1] - velocity[0])


def test_a_robot_on_its_side_has_fallen() -> None:
    sensed = np.zeros((3, 5, FOOT_WIDTH * 4 + 6))
    sensed[..., TRUNK] = [0.0, 0.0, 0.28, 0.0, 0.0, 1.0]
    sensed[1, 2, TRUNK] = [0.0, 0.0, 0.28, 1.0, 0.0, 0.0]
    sensed[2, 4, TRUNK] = [0.0, 0.0, 0.05, 0.0, 0.0, 1.0]
    assert upright(sensed).tolist() == [True, False, False]


def test_the_same_flight_comes_out_the_same() -> None:
    first, second = _walked()[1], _walked()[1]
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_put_down_forgets_what_was_before() -> None:
    model = quadruped.built(NUMBERS)
    data = mujoco.MjData(model)
    data.qvel[:] = 1.0
    put_down(model, data, 0.3, np.zeros(12))
    assert data.qpos[2] == 0.3 and not data.qvel.any()
