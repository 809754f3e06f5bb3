"""A current tells the torque, but for what the magnets do; a gauge tells it but for a swing a turn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.sensor import Sensor
from sim.sensors.joint import Joints
from sim.sensors.motor import motor_current, torque_sensor

pytestmark = pytest.mark.usefixtures("strict")

KEY = jax.random.key(0)
ANGLE = np.linspace(0, 2, 400, dtype=np.float32)[:, None]
TORQUE = np.float32(0.6) * np.cos(3 * ANGLE)
LOAD = Joints(jnp.asarray(ANGLE), jnp.zeros((400, 1)), jnp.asarray(TORQUE))


def _read(sensor: Sensor, truth: Joints = LOAD, **changes: float) -> np.ndarray:
    exact = {p.name: 0.0 for p in sensor.parameters if p.low <= 0 <= p.high}
    exact |= {p.name: 1e-6 for p in sensor.parameters if "resolution" in p.name}
    exact |= {p.name: 1.0 for p in sensor.parameters if p.name.endswith(("gain", "pole_pairs", "cogs_per_turn"))}
    changes = {f"{sensor.name}_{name}": value for name, value in changes.items()}
    return np.asarray(jax.jit(sensor.measure)(truth, sensor.prior.replace(**(exact | changes)).centre(), KEY))


def test_current_is_torque_over_the_constant_then_gain_and_offset() -> None:
    read = _read(motor_current(rate_hz=100.0), constant_n_m_a=0.2, gain=1.1, offset_a=0.05)
    np.testing.assert_allclose(read, 1.1 * TORQUE / 0.2 + 0.05, atol=1e-4)


def test_current_and_its_equation_give_the_torque_back() -> None:
    read = _read(
        motor_current(rate_hz=100.0), constant_n_m_a=0.2, ripple=0.05, pole_pairs=7.0, cogging_n_m=0.03,
        cogs_per_turn=42.0, phase_rad=0.3,
    )  # fmt: skip
    made = 0.2 * read * (1 + 0.05 * np.sin(42 * ANGLE + 0.3)) + 0.03 * np.sin(42 * ANGLE + 0.3)
    np.testing.assert_allclose(made, TORQUE, atol=1e-4)
    assert np.abs(0.2 * read - TORQUE).max() > 0.03  # the swing is really there


def test_a_gauge_has_gain_offset_and_a_swing_over_the_turn() -> None:
    read = _read(torque_sensor(rate_hz=100.0), gain=0.9, offset_n_m=0.1, ripple_n_m=0.05, phase_rad=1.0)
    np.testing.assert_allclose(read, 0.9 * TORQUE + 0.1 + 0.05 * np.sin(ANGLE + 1.0), atol=1e-4)


@pytest.mark.parametrize(
    ("make", "unit"), [(motor_current, "a"), (torque_sensor, "n_m")], ids=["current", "torque"]
)  # fmt: skip
def test_both_have_noise_range_and_steps(make: type, unit: str) -> None:
    sensor = make(rate_hz=100.0)
    idle = Joints(*(jnp.zeros((20_000, 1)) for _ in range(3)))
    noise = _read(sensor, idle, **{f"noise_{unit}_rthz": 0.01})
    assert noise.std() == pytest.approx(0.1, rel=0.03)
    read = _read(sensor, **{f"range_{unit}": 0.5, f"resolution_{unit}": 0.125})
    assert np.abs(read).max() == 0.5
    np.testing.assert_array_equal(read * 8, np.round(read * 8))
