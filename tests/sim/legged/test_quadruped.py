"""The robot weighs what it should, stands, and each of a batch has its own numbers."""

import mujoco
import numpy as np
import pytest

from sim.legged import quadruped
from sim.legged.flight import put_down
from sim.legged.quadruped import LEGS, STAND_M

NUMBERS = {
    "friction": 0.8, "ground_time_s": 0.02, "ground_damping": 1.0, "ground_impedance": 0.9, "ground_depth_m": 0.002,
    "mass_factor": 1.0, "motor_stiffness_nm_rad": 100.0, "motor_damping_nms_rad": 2.0, "joint_damping_nms_rad": 0.1,
    "balance_nms_rad": 0.0,
}  # fmt: skip
STAND_RAD = np.tile([0.0, 0.85, -1.7], 4)


def _stood(**changes: float) -> tuple[mujoco.MjModel, mujoco.MjData]:
    model = quadruped.built({**NUMBERS, **changes})
    data = mujoco.MjData(model)
    put_down(model, data, STAND_M, STAND_RAD)
    mujoco.mj_step(model, data, 1000)
    return model, data


def _forces_n(data: mujoco.MjData) -> np.ndarray:
    return np.asarray([data.sensor(f"{leg}_force").data[0] for leg in LEGS])


def test_standing_feet_bear_the_weight() -> None:
    model, data = _stood()
    assert quadruped.weight_n(model) == pytest.approx(12.0 * 9.81, rel=0.05)
    assert _forces_n(data).sum() == pytest.approx(quadruped.weight_n(model), rel=0.01)
    assert data.qpos[2] == pytest.approx(STAND_M, abs=0.02)


def test_a_standing_foot_is_still() -> None:
    _, data = _stood()
    for leg in LEGS:
        np.testing.assert_allclose(data.sensor(f"{leg}_velocity").data, 0, atol=0.005)
        np.testing.assert_allclose(data.sensor(f"{leg}_rotation").data, 0, atol=0.01)


def test_a_heavier_trunk_presses_harder() -> None:
    light, heavy = _stood(mass_factor=0.8)[1], _stood(mass_factor=1.4)[1]
    assert _forces_n(heavy).sum() - _forces_n(light).sum() == pytest.approx(0.6 * quadruped.TRUNK_KG * 9.81, rel=0.02)


def test_a_soft_ground_gives_way() -> None:
    hard, soft = (_stood(ground_time_s=s, ground_impedance=0.5)[1].site("front_left").xpos[2] for s in (0.008, 0.06))
    assert soft < hard - 0.001


def test_robots_do_not_share_their_numbers() -> None:
    rough, smooth = quadruped.built({**NUMBERS, "friction": 1.0}), quadruped.built({**NUMBERS, "friction": 0.05})
    assert rough.geom("ground").friction[0] == 1.0 and smooth.geom("ground").friction[0] == 0.05
