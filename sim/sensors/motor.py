"""What a motor's driver tells of its load: the current it sends, or a strain gauge on the shaft.

A brushless motor makes its torque from current, not quite evenly, and its magnets pull at its teeth on their own:

    torque = k i (1 + ripple sin(6 p q + phi)) + cogging sin(n q + phi),

p pole pairs, n the least common multiple of slots and poles. So the current that a sensor sees under a known torque
swings with the angle q. Friction belongs to the world: ``torque_n_m`` is what the motor gives to its shaft.

Reference: Hanselman, Brushless Permanent Magnet Motor Design, 2nd ed. 2003, ch. 3 and 9; Holtz & Springob,
Identification and compensation of torque ripple in high-precision permanent magnet motor drives, IEEE Trans. Ind.
Electron. 43(2), 1996.
"""

import math

import jax
import jax.numpy as jnp

from sim.priors import Choice, LogUniform, Normal, Parameter, Parameters, Uniform
from sim.sensor import Key, Sensor
from sim.sensors.joint import Joints, numbered, row, swinging
from sim.sensors.naming import Row, own, prefixed
from sim.sensors.rounding import quantise
from slipway.spec import Channel

_REFERENCE = "Hanselman, Brushless Permanent Magnet Motor Design, 2003, ch. 3, 9; Holtz & Springob 1996"
_ANYWHERE = Uniform(-math.pi, math.pi)


def motor_current(*, rate_hz: float, name: str = "motor", joint_count: int = 1) -> Sensor:
    """Currents [A] of ``joint_count`` motors; truth: ``Joints``.

    Args:
        rate_hz: samples a second.
        name: prefix of its parameters.
        joint_count: motors read; constant, gain, offset and phase are each one's own.
    """
    n = joint_count
    rows: tuple[Row, ...] = (
        (Parameter("constant_n_m_a", "N.m/A", 1e-4, 100.0, "torque of an ampere", n), LogUniform(0.05, 0.3)),
        (Parameter("ripple", "1", 0.0, 0.5, "swing of the constant over an electrical turn"), LogUniform(2e-3, 5e-2)),
        (Parameter("pole_pairs", "1", 1.0, 100.0, "electrical turns a turn"), Choice((7, 14, 21), (1, 1, 1))),
        (Parameter("cogging_n_m", "N.m", 0.0, 100.0, "swing of the magnets' own torque"), LogUniform(1e-3, 3e-2)),
        (Parameter("cogs_per_turn", "1", 1.0, 1000.0, "its swings a turn"), Choice((42, 84, 252), (1, 1, 1))),
        (Parameter("phase_rad", "rad", -math.pi, math.pi, "of the magnets at angle zero", n), _ANYWHERE),
        (Parameter("gain", "1", 0.2, 5.0, "current read over true", n), Normal(1.0, 0.02, 0.9, 1.1)),
        (Parameter("offset_a", "A", -50.0, 50.0, "current read when there is none", n), Normal(0.0, 0.02, -0.1, 0.1)),
        (Parameter("noise_a_rthz", "A/Hz^0.5", 0.0, 10.0, "density of white noise"), LogUniform(1e-4, 5e-3)),
        (Parameter("range_a", "A", 0.01, 1e4, "largest reading"), Choice((20.0, 40.0, 60.0), (1, 1, 1))),
        (Parameter("resolution_a", "A", 1e-7, 10.0, "step of a reading"), LogUniform(1e-3, 2e-2)),
    )  # fmt: skip
    parameters, distributions = prefixed(name, rows)

    def measure(truth: Joints, values: Parameters, key: Key) -> jax.Array:
        p = own(name, rows, values)
        noise = p["noise_a_rthz"] * math.sqrt(rate_hz) * jax.random.normal(key, truth.torque_n_m.shape)
        read = row(p["gain"]) * _current(truth, p) + row(p["offset_a"]) + noise
        return quantise(jnp.clip(read, -p["range_a"], p["range_a"]), p["resolution_a"])

    return Sensor(
        name=name,
        channels=tuple(Channel(channel, "A") for channel in numbered("current", n)),
        rate_hz=rate_hz,
        parameters=parameters,
        distributions=distributions,
        measure=measure,
        example=lambda key, sample_count: swinging(key, sample_count, rate_hz, n),
        reference=_REFERENCE,
        differentiable=tuple(f"{name}_{bare}" for bare in ("constant_n_m_a", "cogging_n_m", "gain", "offset_a")),
    )


def _current(truth: Joints, p: Parameters) -> jax.Array:
    """Ampere that give the torque, (time, joints)."""
    phase = row(p["phase_rad"])
    magnets = p["cogging_n_m"] * jnp.sin(p["cogs_per_turn"] * truth.angle_rad + phase)
    ripple = 1 + p["ripple"] * jnp.sin(6 * p["pole_pairs"] * truth.angle_rad + phase)
    return (truth.torque_n_m - magnets) / (row(p["constant_n_m_a"]) * ripple)


def torque_sensor(*, rate_hz: float, name: str = "torque", joint_count: int = 1) -> Sensor:
    """Torques [N.m] by strain gauges on ``joint_count`` shafts; truth: ``Joints``."""
    n = joint_count
    rows: tuple[Row, ...] = (
        (Parameter("gain", "1", 0.2, 5.0, "torque read over true", n), Normal(1.0, 0.01, 0.95, 1.05)),
        (Parameter("offset_n_m", "N.m", -100.0, 100.0, "torque read without any", n), Normal(0.0, 0.02, -0.1, 0.1)),
        (Parameter("ripple_n_m", "N.m", 0.0, 100.0, "swing of the error over a turn"), LogUniform(1e-3, 2e-2)),
        (Parameter("phase_rad", "rad", -math.pi, math.pi, "where in the turn that is", n), _ANYWHERE),
        (Parameter("noise_n_m_rthz", "N.m/Hz^0.5", 0.0, 10.0, "density of white noise"), LogUniform(1e-4, 5e-3)),
        (Parameter("range_n_m", "N.m", 0.01, 1e5, "largest reading"), Choice((20.0, 50.0, 150.0), (1, 1, 1))),
        (Parameter("resolution_n_m", "N.m", 1e-7, 10.0, "step of a reading"), LogUniform(1e-3, 2e-2)),
    )  # fmt: skip
    parameters, distributions = prefixed(name, rows)

    def measure(truth: Joints, values: Parameters, key: Key) -> jax.Array:
        p = own(name, rows, values)
        noise = p["noise_n_m_rthz"] * math.sqrt(rate_hz) * jax.random.normal(key, truth.torque_n_m.shape)
        swing = p["ripple_n_m"] * jnp.sin(truth.angle_rad + row(p["phase_rad"]))
        read = row(p["gain"]) * truth.torque_n_m + swing + row(p["offset_n_m"]) + noise
        return quantise(jnp.clip(read, -p["range_n_m"], p["range_n_m"]), p["resolution_n_m"])

    return Sensor(
        name=name,
        channels=tuple(Channel(channel, "N.m") for channel in numbered("torque", n)),
        rate_hz=rate_hz,
        parameters=parameters,
        distributions=distributions,
        measure=measure,
        example=lambda key, sample_count: swinging(key, sample_count, rate_hz, n),
        reference=_REFERENCE,
        differentiable=tuple(f"{name}_{bare}" for bare in ("gain", "offset_n_m", "ripple_n_m")),
    )
