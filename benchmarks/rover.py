"""How fast the rover world makes windows, against the same physics stepped one at a time through ``gym.make``."""

import time
from collections.abc import Iterator
from typing import Any

import gymnasium
import jax
import numpy as np

import sim  # noqa: F401  (registers the environment)
from sim.catalog import WORLDS
from sim.generate import batches
from sim.worlds.rover import STEPS

ROUNDS = 5
BATCHES = 12
GYM_STEPS = 1500
GYM_WARM_UP_STEPS = 500  # not timed: the generator still works one batch ahead
AIM = 100.0


def run() -> list[dict[str, Any]]:
    """Both rates, each the best of ``ROUNDS`` taken in turn in this process, after compilation.

    Returns:
        Records ``name value unit reference ratio``; the ratio of ``rover_windows_speedup`` is value / aim.
    """
    compiled, stepped = _compiled_rate(), _stepped_rate()
    next(compiled), next(stepped)  # compile
    rates = [(next(compiled), next(stepped)) for _ in range(ROUNDS)]
    ours, theirs = (max(column) for column in zip(*rates, strict=True))
    speedup = ours / theirs
    return [
        {"name": "rover_windows_speedup", "value": speedup, "unit": "1", "reference": AIM, "ratio": speedup / AIM},
        {"name": "rover_windows_a_second", "value": ours, "unit": "1/s", "reference": theirs, "ratio": speedup},
    ]


def _compiled_rate() -> Iterator[float]:
    """Windows a second, as NumPy arrays, from the compiled program; one measurement a turn."""
    stream = batches(WORLDS["rover"], jax.random.key(0))
    while True:
        start = time.perf_counter()
        count = sum(len(next(stream)[1]) for _ in range(BATCHES))
        yield count / (time.perf_counter() - start)


def _stepped_rate() -> Iterator[float]:
    """Windows a second from an environment that follows the rule; every step gives one."""
    world = WORLDS["rover"]
    act, parameters = jax.jit(STEPS.policy), world.prior.centre()
    env = gymnasium.make("slipway/Rover-v0")
    reading, _ = env.reset(seed=0)
    while True:
        for number in range(GYM_WARM_UP_STEPS + GYM_STEPS):
            if number == GYM_WARM_UP_STEPS:
                start = time.perf_counter()
            reading, _, ended, cut, _ = env.step(np.int64(act(reading, parameters)))
            if ended or cut:
                reading, _ = env.reset()
        yield GYM_STEPS / (time.perf_counter() - start)


if __name__ == "__main__":
    for record in run():
        print(record)
