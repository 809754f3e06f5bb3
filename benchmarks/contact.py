"""How fast the contact world makes windows, against the same physics stepped one at a time through ``gym.make``."""

import time
from collections.abc import Iterator
from typing import Any

import gymnasium
import jax
import numpy as np

import sim  # noqa: F401  (registers the environment)
from sim.generate import batches
from sim.legged.quadruped import LEGS
from sim.worlds.contact import STRIDE, WORLD

ROUNDS = 3
BATCHES = 2
GYM_STEPS = 400
AIM = 2.5


def run() -> list[dict[str, Any]]:
    """Both rates, each the best of ``ROUNDS`` taken in turn in this process, after compilation.

    Returns:
        Records ``name value unit reference ratio``; the ratio of ``contact_windows_speedup`` is value / aim.
    """
    parallel, stepped = _parallel_rate(), _stepped_rate()
    next(parallel), next(stepped)  # compile
    rates = [(next(parallel), next(stepped)) for _ in range(ROUNDS)]
    ours, theirs = (max(column) for column in zip(*rates, strict=True))
    speedup = ours / theirs
    return [
        {"name": "contact_windows_speedup", "value": speedup, "unit": "1", "reference": AIM, "ratio": speedup / AIM},
        {"name": "contact_windows_a_second", "value": ours, "unit": "1/s", "reference": theirs, "ratio": speedup},
    ]


def _parallel_rate() -> Iterator[float]:
    """Windows a second, as NumPy arrays, from MuJoCo's threads; one measurement a turn."""
    stream = batches(WORLD, jax.random.key(0))
    while True:
        start = time.perf_counter()
        count = sum(len(next(stream)[1]) for _ in range(BATCHES))
        yield count / (time.perf_counter() - start)


def _stepped_rate() -> Iterator[float]:
    """Windows a second from an environment; every ``STRIDE`` steps give one for each foot, as in the world."""
    env = gymnasium.make("slipway/Contact-v0")
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape or (), np.float32)
    while True:
        start = time.perf_counter()
        for _ in range(GYM_STEPS):
            _, _, ended, cut, _ = env.step(action)
            if ended or cut:
                env.reset()
        yield GYM_STEPS / STRIDE * len(LEGS) / (time.perf_counter() - start)


if __name__ == "__main__":
    for record in run():
        print(record)
