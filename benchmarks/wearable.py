"""How fast the wearable world makes windows, against the same physics stepped through ``gym.make``."""

import time
from collections.abc import Iterator
from typing import Any

import gymnasium
import jax
import numpy as np

import sim  # noqa: F401  (registers the environment)
from sim.body.activity import RATE_HZ, SCRIPT, plan_s
from sim.catalog import WORLDS
from sim.generate import batches

ROUNDS = 3
BATCHES = 6
GYM_STEPS = 640
GYM_WARM_UP_STEPS = 64  # not timed: the generator still works one batch ahead
HOP = 32  # samples from one window of a stepped recording to the next
AIM = 100.0


def run() -> list[dict[str, Any]]:
    """Both rates, each the best of ``ROUNDS`` taken in turn in this process, after compilation.

    Returns:
        Records ``name value unit reference ratio``; the ratio of ``wearable_windows_speedup`` is value / aim.
    """
    compiled, stepped = _compiled_rate(), _stepped_rate()
    next(compiled), next(stepped)  # compile
    rates = [(next(compiled), next(stepped)) for _ in range(ROUNDS)]
    ours, theirs = (max(column) for column in zip(*rates, strict=True))
    speedup = ours / theirs
    return [
        {"name": "wearable_windows_speedup", "value": speedup, "unit": "1", "reference": AIM, "ratio": speedup / AIM},
        {"name": "wearable_windows_a_second", "value": ours, "unit": "1/s", "reference": theirs, "ratio": speedup},
    ]


def _compiled_rate() -> Iterator[float]:
    """Windows a second, as NumPy arrays, from the compiled program; one measurement a turn."""
    stream = batches(WORLDS["wearable_phone"], jax.random.key(0))
    while True:
        start = time.perf_counter()
        count = sum(len(next(stream)[1]) for _ in range(BATCHES))
        yield count / (time.perf_counter() - start)


def _stepped_rate() -> Iterator[float]:
    """Windows a second from an environment that is told the script; every ``HOP`` steps complete one."""
    ends = np.asarray(plan_s(WORLDS["wearable_phone"].prior.centre())) * RATE_HZ
    env = gymnasium.make("slipway/Wearable-v0")
    while True:
        env.reset(seed=0)
        for number in range(GYM_WARM_UP_STEPS + GYM_STEPS):
            if number == GYM_WARM_UP_STEPS:
                start = time.perf_counter()
            part = min(int(np.searchsorted(ends, number)), len(SCRIPT) - 1)
            env.step(np.int64(SCRIPT[part]))
        yield GYM_STEPS / HOP / (time.perf_counter() - start)


if __name__ == "__main__":
    for record in run():
        print(record)
