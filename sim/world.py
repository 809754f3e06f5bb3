"""What a world is: a record of pure functions, the true state apart from what sensors see of it.

``step`` knows no sensors; ``observe`` is a pure function of the true state; ``policy`` acts on readings alone. All five
are written for one scene and are batched by ``vmap``. ``sim.check.check_world`` checks a world of your own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from sim.priors import Parameters, Prior
from slipway.spec import TaskSpec

State = Any  # a pytree of arrays
Key = jax.Array


@dataclass(frozen=True, eq=False)
class World:
    """A simulator that gives labelled windows.

    Args:
        name: its row in ``sim.catalog.WORLDS``.
        task: what its windows are and what is asked of them.
        prior: what varies, within which physical bounds, and how likely.
        init: (key, parameters) → state.
        step: (state, action, parameters, key) → state.
        observe: (state, parameters, key) → reading (channels,) float32.
        policy: (reading, parameters) → action, the rule the world is driven by.
        label: (state, reading, parameters) → class, int32.
        disturb: (state, parameters, key) → state off the policy's path, so that a learner sees what the policy avoids.
        flight_steps: steps simulated from one ``init``.
        stride: one window every so many steps.
        disturb_every: ``disturb`` after every so many steps.
    """

    name: str
    task: TaskSpec
    prior: Prior
    init: Callable[[Key, Parameters], State]
    step: Callable[[State, jax.Array, Parameters, Key], State]
    observe: Callable[[State, Parameters, Key], jax.Array]
    policy: Callable[[jax.Array, Parameters], jax.Array]
    label: Callable[[State, jax.Array, Parameters], jax.Array]
    disturb: Callable[[State, Parameters, Key], State]
    flight_steps: int = 24
    stride: int = 1
    disturb_every: int = 8
