"""What drives the pendulum: excitation as in an identification run, swing-up and a stiff hold, mixed at random.

    u = a sin(2πft + φ) + p tanh(q̇/s) - k (q - q*) - d q̇,   cut off at the limit.

The sine is the excitation, p pumps energy in with the motion (or feeds friction back), k and d hold a pose. Every
flight draws its own share of each for each joint, so that some joints are driven by a sine alone, some swing up, some
are held, and some do nothing.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from sim.priors import Distribution, LogUniform, Parameter, Parameters, Uniform

PUMP_RAD_S = 0.5  # speed at which pumping is fully there
DAMPING_S = 0.1  # of a hold, over its stiffness
SINE_SHARE, PUMP_SHARE, HOLD_SHARE = 0.8, 0.3, 0.15  # of the joints

PARAMETERS = (
    Parameter("drive_n_m", "N.m", 0.0, 20.0, "amplitude of the excitation's sines"),
    Parameter("drive_hz", "Hz", 0.01, 20.0, "frequency of the excitation's sines"),
    Parameter("pump_n_m", "N.m", 0.0, 10.0, "torque along the motion"),
    Parameter("hold_n_m_rad", "N.m/rad", 0.0, 200.0, "stiffness of a hold"),
    Parameter("limit_n_m", "N.m", 0.1, 50.0, "largest torque of a motor"),
    Parameter("start_rad", "rad", 0.0, 4.0, "deviation of the first angles from hanging down"),
    Parameter("start_rad_s", "rad/s", 0.0, 60.0, "deviation of the first velocities"),
)

DISTRIBUTIONS: dict[str, Distribution] = {
    "drive_n_m": LogUniform(0.05, 3.0),
    "drive_hz": LogUniform(0.3, 6.0),
    "pump_n_m": LogUniform(0.02, 2.0),
    "hold_n_m_rad": LogUniform(0.5, 20.0),
    "limit_n_m": Uniform(2.0, 6.0),
    "start_rad": LogUniform(0.1, 3.0),
    "start_rad_s": LogUniform(0.3, 15.0),
}


class Drive(NamedTuple):
    """What drives one flight; each (2,), one number a joint."""

    amplitude_n_m: jax.Array
    frequency_hz: jax.Array
    phase_rad: jax.Array
    pump_n_m: jax.Array
    hold_n_m_rad: jax.Array
    target_rad: jax.Array


def draw(key: jax.Array, p: Parameters) -> tuple[jax.Array, Drive]:
    """Where a flight starts (angles and velocities (4,)) and what drives it."""
    starting, sharing, phasing = jax.random.split(key, 3)
    chance = jax.random.uniform(sharing, (5, 2))
    there = (chance[:3] < jnp.asarray([[SINE_SHARE], [PUMP_SHARE], [HOLD_SHARE]])).astype(jnp.float32)
    start = jax.random.normal(starting, (4,))
    angle, velocity = p["start_rad"] * start[:2], p["start_rad_s"] * start[2:]
    drive = Drive(
        amplitude_n_m=p["drive_n_m"] * there[0] * chance[3],
        frequency_hz=p["drive_hz"] * jnp.exp2(2 * chance[4] - 1),
        phase_rad=jax.random.uniform(phasing, (2,), maxval=2 * jnp.pi),
        pump_n_m=p["pump_n_m"] * there[1],
        hold_n_m_rad=p["hold_n_m_rad"] * there[2],
        target_rad=angle,
    )
    return jnp.concatenate([angle, velocity]), drive


def torque(drive: Drive, state: jax.Array, seconds: jax.Array, p: Parameters) -> jax.Array:
    """What the motors give (2,) in N m at a state (4,), so long after the flight's start."""
    sine = drive.amplitude_n_m * jnp.sin(2 * jnp.pi * drive.frequency_hz * seconds + drive.phase_rad)
    pump = drive.pump_n_m * jnp.tanh(state[2:] / PUMP_RAD_S)
    hold = drive.hold_n_m_rad * (state[:2] - drive.target_rad + DAMPING_S * state[2:])
    return jnp.clip(sine + pump - hold, -p["limit_n_m"], p["limit_n_m"])
