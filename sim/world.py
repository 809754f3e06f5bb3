"""What a world is: named parameters with a prior, and a function from many draws of them to labelled windows.

A world whose physics is written in JAX hands ``compiled`` one flight and gets the many in one program; one that steps
an engine of its own (MuJoCo, a speech synthesiser) writes ``simulate`` itself. ``sim.check.check_world`` checks a world
of your own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from sim.priors import Parameters, Prior
from slipway.spec import TaskSpec

State = Any  # a pytree of arrays
Key = jax.Array
Made = tuple[Any, Any]  # values (windows, time, channels) and labels, as JAX or NumPy arrays
Flight = Callable[[Key, Parameters], Made]
Simulate = Callable[[Key, Parameters], Made]
Explain = Callable[[Parameters, Any], Any]


@dataclass(frozen=True, eq=False)
class Steps:
    """The rules of a world that is acted in, the true state apart from what sensors see of it.

    ``step`` knows no sensors; ``observe`` is a pure function of the true state; ``policy`` acts on readings alone. All
    are written for one scene.

    Args:
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

    init: Callable[[Key, Parameters], State]
    step: Callable[[State, jax.Array, Parameters, Key], State]
    observe: Callable[[State, Parameters, Key], jax.Array]
    policy: Callable[[jax.Array, Parameters], jax.Array]
    label: Callable[[State, jax.Array, Parameters], jax.Array]
    disturb: Callable[[State, Parameters, Key], State]
    flight_steps: int = 24
    stride: int = 1
    disturb_every: int = 8


@dataclass(frozen=True, eq=False)
class World:
    """A simulator that gives labelled windows.

    Args:
        name: its row in ``sim.catalog.WORLDS``.
        task: what its windows are and what is asked of them.
        prior: what varies, within which physical bounds, and how likely.
        simulate: (key, parameters with a leading axis (flights,)) → values (windows, time, channels) float32 and
            labels, (windows,) int32 for classes, (windows, outputs) float32 for a regression. Every flight gives the
            same number of windows, in the order of the flights. Pure: the same arguments give the same windows.
        flight_count: flights a batch; bounds the memory.
        steps: the rules, where the world is acted in.
        explain: (parameters, values (windows, time, channels)) → answers (windows, outputs): the physics' own answer to
            a window, differentiable by the parameters. What ``sim.identify.paired`` fits; None where there is none.
    """

    name: str
    task: TaskSpec
    prior: Prior
    simulate: Simulate
    flight_count: int = 1024
    steps: Steps | None = None
    explain: Explain | None = None


def compiled(flight: Flight) -> Simulate:
    """``simulate`` as one compiled program over a flight that is written in JAX for one draw of parameters.

    Args:
        flight: (key, parameters) → values (windows, time, channels) and labels (windows, ...).
    """

    @jax.jit
    def simulate(key: Key, parameters: Parameters) -> Made:
        count = len(next(iter(parameters.values())))
        values, labels = jax.vmap(flight)(jax.random.split(key, count), parameters)
        return values.reshape(-1, *values.shape[2:]), labels.reshape(-1, *labels.shape[2:])

    return simulate
