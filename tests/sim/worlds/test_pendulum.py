"""The pendulum moves as its equations say, and inverse dynamics undo forward dynamics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nets.metrics import determination
from sim.priors import Parameters
from sim.worlds.pendulum import PRIOR, RATE_HZ, TASK, WORLD, explain, kinematics
from sim.worlds.pendulum_arm import acceleration, advance, drift, energy, inertia, motor_torque

TYPICAL: Parameters = PRIOR.centre()
FRICTIONLESS: Parameters = {
    **TYPICAL,
    **{
        name: jnp.zeros(())
        for name in ("viscous_1_n_m_s", "viscous_2_n_m_s", "dry_1_n_m", "dry_2_n_m", "load_loss_1", "load_loss_2")
    },
}
QUIET = {"torque_noise_n_m": 0.001, "slack_rad": 1e-6, "velocity_noise_rad_s": 0.001, "drive_hz": 0.5}


def _motions(seed: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    angle, velocity, acceleration = jax.random.normal(jax.random.key(seed), (3, 200, 2))
    return angle, 5 * velocity, 30 * acceleration


def test_forward_dynamics_undo_inverse_dynamics() -> None:
    angle, velocity, wanted = _motions(0)
    torque = motor_torque(angle, velocity, wanted, TYPICAL)
    np.testing.assert_allclose(acceleration(angle, velocity, torque, TYPICAL), wanted, atol=2e-3)


def test_the_inertia_is_positive_definite_for_every_arm() -> None:
    arms = PRIOR.sample(jax.random.key(1), 2000)
    angle = jnp.stack([jnp.zeros(2000), jnp.linspace(-4.0, 4.0, 2000)], axis=1)
    m11, m12, m22 = jax.vmap(inertia)(angle, arms)
    assert np.all(m11 > 0) and np.all(m22 > 0) and np.all(m11 * m22 > m12 * m12)


def test_without_friction_and_torque_energy_stays() -> None:
    state = jnp.asarray([1.0, -0.5, 2.0, 3.0])
    before = energy(state[:2], state[2:], FRICTIONLESS)
    for _ in range(200):
        state = advance(state, jnp.zeros(2), FRICTIONLESS, 0.0025)
    assert energy(state[:2], state[2:], FRICTIONLESS) == pytest.approx(float(before), rel=1e-3)


def test_friction_takes_energy() -> None:
    state = jnp.asarray([1.0, -0.5, 2.0, 3.0])
    before = energy(state[:2], state[2:], TYPICAL)
    for _ in range(100):
        state = advance(state, jnp.zeros(2), TYPICAL, 0.0025)
    assert energy(state[:2], state[2:], TYPICAL) < 0.97 * before


def test_the_drift_at_rest_is_the_slope_of_the_potential() -> None:
    angle = jnp.asarray([0.7, -1.1])
    slope = jax.grad(lambda angle: energy(angle, jnp.zeros(2), TYPICAL))(angle)
    np.testing.assert_allclose(drift(angle, jnp.zeros(2), TYPICAL), slope, rtol=1e-4)


def test_a_cubic_motion_is_read_exactly_at_any_delay() -> None:
    seconds = np.arange(16) / RATE_HZ
    angle = 0.3 + 2 * seconds - 15 * seconds**2 + 40 * seconds**3
    values = np.zeros((1, 16, 4), np.float32)
    values[0, :, 0] = angle
    when = (8 + 0.7) / RATE_HZ
    found = (column[:, 8] for column in kinematics(jnp.asarray(values), jnp.asarray(0.7)))
    expected = (0.3 + 2 * when - 15 * when**2 + 40 * when**3, 2 - 30 * when + 120 * when**2, -30 + 240 * when)
    for one, right, tolerance in zip(found, expected, (1e-5, 1e-3, 0.2), strict=True):
        assert float(one[0, 0]) == pytest.approx(right, abs=tolerance)


def test_the_physics_explains_quiet_slow_windows() -> None:
    prior = PRIOR.replace(**QUIET, hold_n_m_rad=0.5, pump_n_m=0.02, drive_n_m=0.8, start_rad=0.5, start_rad_s=1.0)
    device = prior.sample(jax.random.key(2), 1)
    one = {name: jnp.repeat(value, 64) for name, value in device.items()}
    values, torques = WORLD.simulate(jax.random.key(3), one)
    truth = {name: value[0] for name, value in device.items()}
    assert determination(np.asarray(explain(truth, values)), np.asarray(torques)).min() > 0.95
    late = {**truth, "delay_s": truth["delay_s"] + 0.03}
    assert determination(np.asarray(explain(late, values)), np.asarray(torques)).min() < 0.95


def test_every_parameter_of_the_physics_has_a_gradient() -> None:
    values, _ = WORLD.simulate(jax.random.key(0), PRIOR.sample(jax.random.key(1), 32))
    slopes = jax.grad(lambda p: jnp.sum(jnp.square(explain(p, values))))(TYPICAL)
    idle = {"length_2_m", "torque_noise_n_m", "slack_rad", "velocity_noise_rad_s"}
    moved = {name for name, slope in slopes.items() if float(slope) != 0}
    assert all(np.isfinite(float(slope)) for slope in slopes.values())
    assert moved.isdisjoint(idle) and {"mass_1_kg", "com_2_m", "delay_s", "dry_1_n_m", "torque_gain_2"} <= moved


def test_the_task_is_the_recordings() -> None:
    assert TASK.sensor.window_shape == (16, 4) and TASK.sensor.rate_hz == 200.0
    assert [output.name for output in TASK.outputs] == ["torque_1", "torque_2"]
