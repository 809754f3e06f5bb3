"""Labelled windows by the hundred thousand: many flights of a world in one compiled program."""

import itertools
from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from sim.priors import Parameters, Prior
from sim.world import Key, State, World
from slipway.windows import Labels, Values

FLIGHT_COUNT = 1024  # flights a batch; bounds the memory
DRAWN_BATCHES = 8  # batches whose parameters are drawn at once


@partial(jax.jit, static_argnums=0)
def _batch(world: World, key: Key, parameters: Parameters) -> tuple[jax.Array, jax.Array]:
    """Values (windows, time, channels) and labels (windows,) of one batch of flights."""
    values, labels = jax.vmap(partial(_flight, world))(jax.random.split(key, FLIGHT_COUNT), parameters)
    return values.reshape(labels.size, *values.shape[2:]), labels.reshape(-1)


def _flight(world: World, key: Key, parameters: Parameters) -> tuple[jax.Array, jax.Array]:
    starting, flying = jax.random.split(key)
    length = world.task.sensor.window_length

    def advance(state: State, step: tuple[jax.Array, Key]) -> tuple[State, tuple[jax.Array, jax.Array]]:
        number, key = step
        seeing, moving, chance = jax.random.split(key, 3)
        reading = world.observe(state, parameters, seeing)
        label = world.label(state, reading, parameters)
        state = world.step(state, world.policy(reading, parameters), parameters, moving)
        disturbed = (number + 1) % world.disturb_every == 0  # alike in all flights, so a true branch
        state = jax.lax.cond(disturbed, lambda: world.disturb(state, parameters, chance), lambda: state)
        return state, (reading, label)

    steps = (jnp.arange(world.flight_steps), jax.random.split(flying, world.flight_steps))
    _, (readings, labels) = jax.lax.scan(advance, world.init(starting, parameters), steps)
    last = jnp.arange(length - 1, world.flight_steps, world.stride)
    return readings[last[:, None] + jnp.arange(1 - length, 1)], labels[last]


def batches(world: World, key: Key, prior: Prior | None = None) -> Iterator[tuple[Values, Labels]]:
    """Windows without end, one batch of flights at a time; every flight has its own parameters.

    Args:
        world: who makes them.
        key: the same key gives the same windows.
        prior: what to draw parameters from; the world's own by default. Another prior needs no new compilation.

    Yields:
        Values (count, time, channels) float32 and labels (count,) int32, shuffled within the batch.
    """
    chance = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    made = _made(world, key, world.prior if prior is None else prior)
    ahead = next(made)
    while True:
        now, ahead = ahead, next(made)  # the next batch is worked out while this one is handed over
        values, labels = jax.device_get(now)
        order = chance.permutation(len(labels))
        yield values[order], labels[order]


def _made(world: World, key: Key, prior: Prior) -> Iterator[tuple[jax.Array, jax.Array]]:
    """Batches as they leave the device, perhaps not yet worked out."""
    for round_number in itertools.count():
        drawing, flying = jax.random.split(jax.random.fold_in(key, round_number))
        drawn = jax.device_get(prior.sample(drawing, FLIGHT_COUNT * DRAWN_BATCHES))
        for number, one in enumerate(jax.random.split(flying, DRAWN_BATCHES)):
            rows = slice(number * FLIGHT_COUNT, (number + 1) * FLIGHT_COUNT)
            yield _batch(world, one, {name: some[rows] for name, some in drawn.items()})


def windows(world: World, key: Key, count: int, prior: Prior | None = None) -> tuple[Values, Labels]:
    """``count`` labelled windows.

    Memory is what is returned and two batches. A smaller count gives a prefix of a larger one.

    Returns:
        Values (count, time, channels) float32 and labels (count,) int32.
    """
    values = np.empty((count, *world.task.sensor.window_shape), np.float32)
    labels = np.empty(count, np.int32)
    done = 0
    for some_values, some_labels in batches(world, key, prior):
        take = min(len(some_labels), count - done)
        values[done : done + take], labels[done : done + take] = some_values[:take], some_labels[:take]
        done += take
        if done == count:
            break
    return values, labels
