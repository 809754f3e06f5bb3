"""Feet go where the gait says, and joint angles put them there."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.legged.gait import Gait, feet, joint_angles, targets
from sim.legged.quadruped import FOOT_RADIUS_M, HIP_LINK_M, LEGS, SHANK_M, SIDES, THIGH_M

PLAIN = {
    "frequency_hz": 2.0, "duty": 0.6, "speed_m_s": 0.5, "turn_rad_s": 0.0, "height_m": 0.08, "stance_m": 0.28,
    "forward_m": 0.0, "wide_m": 0.0, "lag": 0.0, "start_s": 0.0, "phase": 0.0,
}  # fmt: skip


def _gait(**changes: float) -> Gait:
    numbers = {name: np.asarray([value]) for name, value in {**PLAIN, **changes}.items()}
    return Gait(**numbers, spread=np.zeros((1, len(LEGS), 8, 2)))


def _reached(angles: np.ndarray) -> np.ndarray:
    """Forward kinematics: where the feet (legs, 3) are, from the joints' axes one after the other."""
    hip, thigh, knee = angles.T
    x = -THIGH_M * np.sin(thigh) - SHANK_M * np.sin(thigh + knee)
    down = THIGH_M * np.cos(thigh) + SHANK_M * np.cos(thigh + knee)
    side = SIDES * HIP_LINK_M
    return np.stack([x, side * np.cos(hip) + down * np.sin(hip), side * np.sin(hip) - down * np.cos(hip)], axis=-1)


@settings(max_examples=50)
@given(x=st.floats(-0.1, 0.1), out=st.floats(-0.05, 0.08), z=st.floats(-0.36, -0.2))
def test_joint_angles_put_the_feet_there(x: float, out: float, z: float) -> None:
    foot = np.stack([np.full(4, x), SIDES * (HIP_LINK_M + out), np.full(4, z)], axis=-1)
    np.testing.assert_allclose(_reached(joint_angles(foot)), foot, atol=1e-9)


def test_out_of_reach_is_as_far_as_it_goes() -> None:
    assert np.isfinite(joint_angles(np.tile([0.0, 0.0, -2.0], (4, 1)))).all()


def test_a_standing_foot_moves_back_at_the_trunks_speed_and_stays_down() -> None:
    walked = 2.0 + np.linspace(0.05, 0.55, 20)[None]  # front left stands from 0 to 0.6 of a cycle
    foot = feet(_gait(), walked)[0, :, 0]
    speed = np.diff(foot[:, 0]) / np.diff(walked[0]) * PLAIN["frequency_hz"]
    np.testing.assert_allclose(speed, -0.5, atol=1e-9)
    np.testing.assert_allclose(foot[:, 2], FOOT_RADIUS_M - 0.28, atol=1e-12)


def test_a_swinging_foot_rises_by_the_steps_height() -> None:
    foot = feet(_gait(), 2.0 + np.linspace(0, 1, 501)[None])[0, :, 0]
    assert np.isclose(np.ptp(foot[:, 2]), 0.08, atol=1e-4)
    assert np.isclose(np.ptp(foot[:, 0]), 0.5 * 0.6 / 2.0, atol=1e-4)


def test_diagonal_legs_go_together_and_the_others_half_a_cycle_later() -> None:
    walked = 2.0 + np.linspace(0, 1, 101)[None]
    z = feet(_gait(), walked)[0, :, :, 2]
    later = feet(_gait(), walked + 0.5)[0, :, :, 2]
    np.testing.assert_allclose(z[:, 0], z[:, 3], atol=1e-12)
    np.testing.assert_allclose(z[:, 1], later[:, 0], atol=1e-9)


def test_turning_left_makes_the_right_legs_step_longer() -> None:
    x = feet(_gait(turn_rad_s=1.0), 2.0 + np.linspace(0, 1, 101)[None])[0, :, :, 0]
    left, right = np.ptp(x[:, 0]), np.ptp(x[:, 1])
    assert right > left


def test_it_stands_until_it_starts() -> None:
    angles = targets(_gait(start_s=1.0), np.linspace(0, 2, 201))[0]
    np.testing.assert_array_equal(angles[:100], np.broadcast_to(angles[0], (100, 12)))
    assert np.abs(angles[101:] - angles[0]).max() > 0.1
