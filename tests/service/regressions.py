"""The smallest regression world: a spring that is pulled, its force felt through a gain and seen with noise."""

import jax
import jax.numpy as jnp

from sim.priors import Parameter, Parameters, Prior, Uniform
from sim.world import Key, Made, World, compiled
from slipway.spec import Channel, SensorSpec, TaskSpec

SENSOR = SensorSpec((Channel("place", "m"), Channel("speed", "m/s")), 50.0, 4)
TASK = TaskSpec("spring", SENSOR, outputs=(Channel("force", "N"),))
PARAMETERS = (
    Parameter("stiffness_n_m", "N/m", 1.0, 20.0, "of the spring"),
    Parameter("damping_n_s_m", "N.s/m", 0.0, 5.0, "of the oil around it"),
)
WINDOWS, STEP_S = 8, 0.02


def explain(parameters: Parameters, values: jax.Array) -> jax.Array:
    """Force (windows, 1) at the last sample of windows (windows, time, 2)."""
    place, speed = values[:, -1, :1], values[:, -1, 1:]
    return parameters["stiffness_n_m"] * place + parameters["damping_n_s_m"] * speed


def fly(key: Key, parameters: Parameters) -> Made:
    """Windows of a hand that moves the spring to and fro, and the force that it feels."""
    pulling, feeling = jax.random.split(key)
    frequency = 2 * jnp.pi * jax.random.uniform(pulling, (), minval=0.5, maxval=2.0)
    time = STEP_S * jnp.arange(WINDOWS * SENSOR.window_length)
    motion = jnp.stack([jnp.sin(frequency * time), frequency * jnp.cos(frequency * time)], axis=1)
    values = motion.reshape(WINDOWS, SENSOR.window_length, 2)
    return values, explain(parameters, values) + 0.05 * jax.random.normal(feeling, (WINDOWS, 1))


SPRING = World(
    "spring",
    TASK,
    Prior(PARAMETERS, (Uniform(2.0, 18.0), Uniform(0.2, 4.0))),
    compiled(fly),
    flight_count=128,
    explain=explain,
)
