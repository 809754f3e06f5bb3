"""How fast the keyword world makes windows, against the same code asked for one window at a time."""

import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from sim.worlds.keyword import PRIOR, WORLD, simulate

ROUNDS = 3
SINGLE_WINDOWS = 20
AIM = 10.0


def run() -> list[dict[str, Any]]:
    """Both rates, each the best of ``ROUNDS`` taken in turn in this process, after compilation.

    Returns:
        Records ``name value unit reference ratio``; the ratio of ``keyword_windows_speedup`` is value / aim.
    """
    batch, single = _rate(WORLD.flight_count, 1), _rate(1, SINGLE_WINDOWS)
    next(batch), next(single)  # compile
    rates = [(next(batch), next(single)) for _ in range(ROUNDS)]
    ours, theirs = (max(column) for column in zip(*rates, strict=True))
    speedup = ours / theirs
    return [
        {"name": "keyword_windows_speedup", "value": speedup, "unit": "1", "reference": AIM, "ratio": speedup / AIM},
        {"name": "keyword_windows_a_second", "value": ours, "unit": "1/s", "reference": theirs, "ratio": speedup},
    ]


def _rate(flights: int, calls: int) -> Iterator[float]:
    """Windows a second, as NumPy arrays, voices and room included, so many ``flights`` a call."""
    drawn = jax.device_get(PRIOR.sample(jax.random.key(0), flights * calls))
    rows = [slice(at, at + flights) for at in range(0, flights * calls, flights)]
    while True:
        start = time.perf_counter()
        for number, row in enumerate(rows):
            made, _ = simulate(jax.random.key(number), {name: values[row] for name, values in drawn.items()})
            np.asarray(made)
        yield flights * calls / (time.perf_counter() - start)


if __name__ == "__main__":
    for record in run():
        print(record)
