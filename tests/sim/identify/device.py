"""A small device whose every parameter is known: two channels of an oscillation, each with its own offset.

``gain`` and ``loudness`` are heard only as their product, ``colour`` is not heard at all, and ``pace`` is a habit that
changes from flight to flight.
"""

import jax
import jax.numpy as jnp

from sim.priors import Constant, LogUniform, Normal, Parameter, Parameters, Prior, Uniform
from sim.world import Key, Made, World, compiled
from slipway.spec import Channel, SensorSpec, TaskSpec

RATE_HZ, LENGTH, WINDOWS = 20.0, 16, 4

PARAMETERS = (
    Parameter("gain", "1", 0.1, 10.0, "reading over truth"),
    Parameter("loudness", "m/s2", 0.1, 10.0, "amplitude of the truth"),
    Parameter("noise", "m/s2", 0.0, 5.0, "deviation of a reading"),
    Parameter("offset", "m/s2", -5.0, 5.0, "of each channel", 2),
    Parameter("pace", "Hz", 0.1, 5.0, "frequency of the truth"),
    Parameter("colour", "1", 0.0, 1.0, "not heard"),
    Parameter("limit", "m/s2", 0.0, 100.0, "the largest reading"),
)
DISTRIBUTIONS = (
    LogUniform(0.5, 2.0),
    LogUniform(0.5, 2.0),
    LogUniform(0.02, 0.5),
    Normal(0.0, 1.0, -4.0, 4.0),
    Uniform(0.5, 3.0),
    Uniform(0.0, 1.0),
    Constant(20.0),
)
DEVICE = ("gain", "loudness", "noise", "offset", "colour")
SENSOR = SensorSpec((Channel("acc_x", "m/s2"), Channel("acc_y", "m/s2")), RATE_HZ, LENGTH)


def fly(key: Key, p: Parameters) -> Made:
    phasing, hearing = jax.random.split(key)
    time = jnp.arange(WINDOWS * LENGTH, dtype=jnp.float32) / RATE_HZ
    phase = 2 * jnp.pi * (p["pace"] * time + jax.random.uniform(phasing))
    truth = p["loudness"] * jnp.stack([jnp.sin(phase), jnp.cos(phase)], axis=1)
    noise = p["noise"] * jax.random.normal(hearing, truth.shape)
    reading = jnp.clip(p["gain"] * truth + p["offset"][None] + noise, -p["limit"], p["limit"])
    return reading.reshape(WINDOWS, LENGTH, 2), jnp.zeros(WINDOWS, jnp.int32)


TASK = TaskSpec("device", SENSOR, ("here", "there"))
WORLD = World("device", TASK, Prior(PARAMETERS, DISTRIBUTIONS), compiled(fly), flight_count=1024)
