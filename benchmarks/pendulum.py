"""How fast the pendulum world makes windows, against the same physics stepped one at a time through ``gym.make``."""

import time
from collections.abc import Iterator
from typing import Any

import gymnasium
import jax
import numpy as np

import sim  # noqa: F401  (registers the environment)
from sim.envs.pendulum import PendulumEnv
from sim.generate import batches
from sim.worlds.pendulum import HOP, WORLD

ROUNDS = 5
BATCHES = 8
GYM_STEPS = 1500
GYM_WARM_UP_STEPS = 500  # not timed: the generator still works one batch ahead
AIM = 100.0


def run() -> list[dict[str, Any]]:
    """Both rates, each the best of ``ROUNDS`` taken in turn in this process, after compilation.

    Returns:
        Records ``name value unit reference ratio``; the ratio of ``pendulum_windows_speedup`` is value / aim.
    """
    compiled, stepped = _compiled_rate(), _stepped_rate()
    next(compiled), next(stepped)  # compile
    rates = [(next(compiled), next(stepped)) for _ in range(ROUNDS)]
    ours, theirs = (max(column) for column in zip(*rates, strict=True))
    speedup = ours / theirs
    return [
        {"name": "pendulum_windows_speedup", "value": speedup, "unit": "1", "reference": AIM, "ratio": speedup / AIM},
        {"name": "pendulum_windows_a_second", "value": ours, "unit": "1/s", "reference": theirs, "ratio": speedup},
    ]


def _compiled_rate() -> Iterator[float]:
    """Windows a second, as NumPy arrays, from the compiled program; one measurement a turn."""
    stream = batches(WORLD, jax.random.key(0))
    while True:
        start = time.perf_counter()
        count = sum(len(next(stream)[1]) for _ in range(BATCHES))
        yield count / (time.perf_counter() - start)


def _stepped_rate() -> Iterator[float]:
    """Windows a second from an environment under random torques; every ``HOP`` steps give one, as in the world."""
    env: gymnasium.Env[Any, Any] = PendulumEnv()
    env.reset(seed=0)
    torques = np.random.default_rng(0).normal(size=(GYM_WARM_UP_STEPS + GYM_STEPS, 2)).astype(np.float32)
    while True:
        for number, torque in enumerate(torques):
            if number == GYM_WARM_UP_STEPS:
                start = time.perf_counter()
            env.step(torque)
        yield GYM_STEPS / HOP / (time.perf_counter() - start)


if __name__ == "__main__":
    for record in run():
        print(record)
