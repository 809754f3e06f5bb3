"""What turns a joint's angle and speed into numbers: a rotary encoder, and a tachometer.

An encoder counts the lines of a disc, c a turn. A disc mounted off its axis reads an angle that swings once a turn:

    angle = round(c (q + e sin(q + phi) + offset) / 2 pi) 2 pi / c.

Drivers report a speed as the difference of two readings over the sample time, then smooth it: its noise is the
encoder's steps. A tachometer generates a voltage with a gain, an offset, white noise and a ripple from its commutator.

Reference: Ellis, Control System Design Guide, 4th ed. 2012, ch. 14 (encoder resolution, cyclic error); Lynch & Park,
Modern Robotics, 2017, 8.9.
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

_TURN = Uniform(-math.pi, math.pi)


def encoder(*, rate_hz: float, name: str = "encoder", joint_count: int = 1, velocity: bool = False) -> Sensor:
    """Angles [rad] of ``joint_count`` joints, and their speeds [rad/s] behind them if ``velocity``; truth: ``Joints``.

    Args:
        rate_hz: samples a second.
        name: prefix of its parameters.
        joint_count: joints read, each with an offset and an eccentricity of its own.
        velocity: report speeds too, from differences of the readings, smoothed by a first-order filter.
    """
    rows: tuple[Row, ...] = (
        (Parameter("offset_rad", "rad", -7.0, 7.0, "reading at angle zero", joint_count), Normal(0, 0.01, -0.05, 0.05)),
        (Parameter("eccentricity_rad", "rad", 0.0, 0.5, "swing of the error over a turn", joint_count),
         LogUniform(1e-4, 5e-3)),
        (Parameter("phase_rad", "rad", -math.pi, math.pi, "where in the turn that error is", joint_count), _TURN),
        (Parameter("counts_per_turn", "1", 4.0, 1e9, "steps a turn"), Choice((1024, 4096, 16384), (1, 2, 1))),
    )  # fmt: skip
    smoothing: Row = (Parameter("smoothing_s", "s", 0.0, 10.0, "time constant of the speed"), LogUniform(1e-3, 2e-2))
    rows = (*rows, smoothing) if velocity else rows
    parameters, distributions = prefixed(name, rows)

    def measure(truth: Joints, values: Parameters, key: Key) -> jax.Array:
        p = own(name, rows, values)
        angle = _read(truth.angle_rad, p)
        return jnp.concatenate([angle, _speed(angle, p, rate_hz)], axis=1) if velocity else angle

    angles = tuple(Channel(channel, "rad") for channel in numbered("angle", joint_count))
    speeds = tuple(Channel(channel, "rad/s") for channel in numbered("velocity", joint_count))
    return Sensor(
        name=name,
        channels=angles + speeds if velocity else angles,
        rate_hz=rate_hz,
        parameters=parameters,
        distributions=distributions,
        measure=measure,
        example=lambda key, sample_count: swinging(key, sample_count, rate_hz, joint_count),
        reference="Ellis, Control System Design Guide, 4th ed. 2012, ch. 14",
        differentiable=(f"{name}_offset_rad", f"{name}_eccentricity_rad", f"{name}_phase_rad"),
    )


def _read(angle: jax.Array, p: Parameters) -> jax.Array:
    swing = row(p["eccentricity_rad"]) * jnp.sin(angle + row(p["phase_rad"]))
    return quantise(angle + swing + row(p["offset_rad"]), 2 * math.pi / p["counts_per_turn"])


def _speed(angle: jax.Array, p: Parameters, rate_hz: float) -> jax.Array:
    """Differences over the sample time, smoothed; the first sample has no past and takes the second's."""
    rise = jnp.diff(angle, axis=0, prepend=2 * angle[:1] - angle[1:2]) * rate_hz
    kept = jnp.exp(-1 / jnp.maximum(rate_hz * p["smoothing_s"], 1e-6))

    def onward(state: jax.Array, new: jax.Array) -> tuple[jax.Array, jax.Array]:
        after = kept * state + (1 - kept) * new
        return after, after

    return jax.lax.scan(onward, rise[0], rise)[1]


def tachometer(*, rate_hz: float, name: str = "tachometer", joint_count: int = 1) -> Sensor:
    """Speeds [rad/s] of ``joint_count`` joints; truth: ``Joints``."""
    rows: tuple[Row, ...] = (
        (Parameter("gain", "1", 0.2, 5.0, "speed read over true", joint_count), Normal(1.0, 0.01, 0.95, 1.05)),
        (
            Parameter("offset_rad_s", "rad/s", -10.0, 10.0, "speed read at rest", joint_count),
            Normal(0, 0.01, -0.1, 0.1),
        ),
        (Parameter("ripple", "1", 0.0, 0.5, "swing of the gain over a commutator's bar"), LogUniform(1e-3, 3e-2)),
        (Parameter("bars_per_turn", "1", 1.0, 500.0, "bars of the commutator"), Choice((9, 13, 25), (1, 1, 1))),
        (Parameter("noise_rad_s_rthz", "rad/s/Hz^0.5", 0.0, 10.0, "density of white noise"), LogUniform(1e-4, 1e-2)),
    )
    parameters, distributions = prefixed(name, rows)

    def measure(truth: Joints, values: Parameters, key: Key) -> jax.Array:
        p = own(name, rows, values)
        ripple = 1 + p["ripple"] * jnp.cos(p["bars_per_turn"] * truth.angle_rad)
        noise = p["noise_rad_s_rthz"] * math.sqrt(rate_hz) * jax.random.normal(key, truth.velocity_rad_s.shape)
        return row(p["gain"]) * ripple * truth.velocity_rad_s + row(p["offset_rad_s"]) + noise

    return Sensor(
        name=name,
        channels=tuple(Channel(channel, "rad/s") for channel in numbered("velocity", joint_count)),
        rate_hz=rate_hz,
        parameters=parameters,
        distributions=distributions,
        measure=measure,
        example=lambda key, sample_count: swinging(key, sample_count, rate_hz, joint_count),
        reference="Ellis, Control System Design Guide, 4th ed. 2012, ch. 14",
        differentiable=(f"{name}_gain", f"{name}_offset_rad_s"),
    )
