"""The smallest world there is: a number that walks at random, seen with noise; is it positive?"""

import jax
import jax.numpy as jnp

from sim.priors import Constant, Parameter, Prior, Uniform
from sim.stepped import stepped_world
from sim.world import Steps
from slipway.spec import Channel, SensorSpec, TaskSpec

PARAMETERS = (
    Parameter("pace", "1", 0.0, 1.0, "deviation of a step"),
    Parameter("noise", "1", 0.0, 1.0, "deviation of a reading"),
)

TASK = TaskSpec("toy", SensorSpec((Channel("place", "1"), Channel("half", "1")), 10.0, 3), ("low", "high"))
STEPS = Steps(
    init=lambda key, p: jax.random.normal(key),
    step=lambda state, action, p, key: state + p["pace"] * jax.random.normal(key),
    observe=lambda state, p, key: state * jnp.array([1.0, 0.5]) + p["noise"] * jax.random.normal(key, (2,)),
    policy=lambda reading, p: reading[0] > 0,
    label=lambda state, reading, p: (state > 0).astype(jnp.int32),
    disturb=lambda state, p, key: state,
    flight_steps=12,
)
TOY = stepped_world("toy", TASK, Prior(PARAMETERS, (Uniform(0.1, 0.5), Constant(0.1))), STEPS)
