"""A sensor that reads its truth, an array (time, 2), with an offset: whatever else shows was put behind it."""

import jax
import jax.numpy as jnp

from sim.priors import Normal, Parameter, Parameters
from sim.sensor import Sensor
from slipway.spec import Channel


def _measure(truth: jax.Array, parameters: Parameters, key: jax.Array) -> jax.Array:
    return truth + parameters["toy_offset_m"]


def _example(key: jax.Array, sample_count: int) -> jax.Array:
    phase = jax.random.uniform(key, (1, 2))
    return jnp.sin(0.1 * jnp.arange(sample_count, dtype=jnp.float32)[:, None] + 6 * phase)


TOY = Sensor(
    name="toy",
    channels=(Channel("left", "m"), Channel("right", "m")),
    rate_hz=100.0,
    parameters=(Parameter("toy_offset_m", "m", -1.0, 1.0, "read at zero"),),
    distributions={"toy_offset_m": Normal(0.0, 0.1, -0.5, 0.5)},
    measure=_measure,
    example=_example,
    reference="none, for tests",
    differentiable=("toy_offset_m",),
)
