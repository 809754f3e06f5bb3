"""Labelled windows by the million: batch after batch of a world's flights, each with its own parameters."""

import itertools
import math
from collections.abc import Iterator

import jax
import numpy as np

from sim.priors import Prior
from sim.world import Key, Made, World
from slipway.windows import Answers, Values

DRAWN_BATCHES = 8  # batches whose parameters are drawn at once


def batches(
    world: World, key: Key, prior: Prior | None = None, count: float = math.inf
) -> Iterator[tuple[Values, Answers]]:
    """Windows, one batch of flights at a time; every flight has its own parameters.

    Args:
        world: who makes them.
        key: the same key gives the same windows.
        prior: what to draw parameters from; the world's own by default. Another prior needs no new compilation.
        count: windows that are enough: no batch is made once there are as many. By default there is no end.

    Yields:
        Values (count, time, channels) float32 and labels, shuffled within the batch.
    """
    chance = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    made = _made(world, key, world.prior if prior is None else prior)
    ahead, missing = next(made), count
    while missing > 0:
        now = ahead
        missing -= len(now[1])
        if missing > 0:
            ahead = next(made)  # the next batch is worked out while this one is handed over
        values, labels = jax.device_get(now)
        order = chance.permutation(len(labels))
        yield values[order], labels[order]


def _made(world: World, key: Key, prior: Prior) -> Iterator[Made]:
    """Batches as they leave the device, perhaps not yet worked out."""
    for round_number in itertools.count():
        drawing, flying = jax.random.split(jax.random.fold_in(key, round_number))
        drawn = jax.device_get(prior.sample(drawing, world.flight_count * DRAWN_BATCHES))
        for number, one in enumerate(jax.random.split(flying, DRAWN_BATCHES)):
            rows = slice(number * world.flight_count, (number + 1) * world.flight_count)
            yield world.simulate(one, {name: some[rows] for name, some in drawn.items()})


def windows(world: World, key: Key, count: int, prior: Prior | None = None) -> tuple[Values, Answers]:
    """``count`` labelled windows.

    Memory is what is returned and two batches. A smaller count gives a prefix of a larger one.

    Returns:
        Values (count, time, channels) float32 and labels: (count,) int32, or (count, outputs) float32.
    """
    values = np.empty((count, *world.task.sensor.window_shape), np.float32)
    labels = np.empty((count, len(world.task.outputs)), np.float32) if world.task.outputs else np.empty(count, np.int32)
    done = 0
    for some_values, some_labels in batches(world, key, prior, count):
        take = min(len(some_labels), count - done)
        values[done : done + take], labels[done : done + take] = some_values[:take], some_labels[:take]
        done += take
    return values, labels
