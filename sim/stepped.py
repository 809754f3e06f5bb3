"""A world made of steps: one flight is a scan over them, windows are cut from its readings."""

import jax
import jax.numpy as jnp

from sim.priors import Parameters, Prior
from sim.world import Flight, Key, Made, State, Steps, World, compiled
from slipway.spec import TaskSpec


def stepped_world(name: str, task: TaskSpec, prior: Prior, steps: Steps) -> World:
    """A world from the rules of one step; see ``World`` and ``Steps``."""
    return World(name, task, prior, compiled(flight(steps, task.sensor.window_length)), steps=steps)


def flight(steps: Steps, window_length: int) -> Flight:
    """(key, parameters) → windows (count, time, channels) of one flight under the policy, and their labels (count,).

    A window is labelled by its last step.
    """

    def fly(key: Key, parameters: Parameters) -> Made:
        starting, flying = jax.random.split(key)

        def advance(state: State, step: tuple[jax.Array, Key]) -> tuple[State, tuple[jax.Array, jax.Array]]:
            number, key = step
            seeing, moving, chance = jax.random.split(key, 3)
            reading = steps.observe(state, parameters, seeing)
            label = steps.label(state, reading, parameters)
            state = steps.step(state, steps.policy(reading, parameters), parameters, moving)
            disturbed = (number + 1) % steps.disturb_every == 0  # alike in all flights, so a true branch
            state = jax.lax.cond(disturbed, lambda: steps.disturb(state, parameters, chance), lambda: state)
            return state, (reading, label)

        each = (jnp.arange(steps.flight_steps), jax.random.split(flying, steps.flight_steps))
        _, (readings, labels) = jax.lax.scan(advance, steps.init(starting, parameters), each)
        last = jnp.arange(window_length - 1, steps.flight_steps, steps.stride)
        return readings[last[:, None] + jnp.arange(1 - window_length, 1)], labels[last]

    return fly
