"""How fast recordings are simulated and a rover is identified, and whether the posterior keeps its promise there."""

import time
from typing import Any

import jax
import numpy as np
from jax.scipy.special import ndtr

from sim.generate import batches
from sim.identify.recordings import free, simulate, windows_a_flight
from sim.identify.unpaired import FLIGHTS, answer, identifier
from sim.sensors import ultrasound
from sim.worlds.rover import ROBOT_PARAMETERS, WORLD

SIMULATIONS = 4000
DRAWS = 200
AIM_S = 180.0
PROMISED = 0.9


def run() -> list[dict[str, Any]]:
    """Simulation with statistics against simulation alone, then a whole identification of a simulated rover.

    Returns:
        Records ``name value unit reference ratio``. Coverage is the share of the device's numbers that lie in their
        90 % interval, over ``DRAWS`` rovers that training did not see.
    """
    own = {parameter.name for parameter in (*ROBOT_PARAMETERS, *ultrasound.PARAMETERS)}
    device = [one.parameter.name for one in free(WORLD.prior) if one.parameter.name in own]
    windows = windows_a_flight(WORLD)
    fresh = simulate(WORLD, WORLD.prior, device, jax.random.key(1), DRAWS, FLIGHTS)  # compiles
    start = time.perf_counter()
    simulate(WORLD, WORLD.prior, device, jax.random.key(2), DRAWS, FLIGHTS)
    rate = DRAWS * FLIGHTS * windows / (time.perf_counter() - start)
    plain = _plain_rate()
    start = time.perf_counter()
    made = identifier(WORLD, FLIGHTS * windows, names=device, simulations=SIMULATIONS)
    values = np.asarray(WORLD.simulate(jax.random.key(3), WORLD.prior.sample(jax.random.key(3), WORLD.flight_count))[0])
    answer(made, values[: FLIGHTS * windows])
    seconds = time.perf_counter() - start
    low, high = np.moveaxis(made.places(fresh.statistics, (0.05, 0.95)), -1, 0)
    place = np.asarray(ndtr(fresh.latents))
    columns = np.concatenate([np.r_[one.columns] for one in free(WORLD.prior) if one.parameter.name in own])
    held = float(((low <= place) & (place <= high))[:, columns].mean())
    return [
        {"name": "identify_windows_a_second", "value": rate, "unit": "1/s", "reference": plain, "ratio": rate / plain},
        {"name": "identify_rover", "value": seconds, "unit": "s", "reference": AIM_S, "ratio": seconds / AIM_S},
        {"name": "identify_coverage", "value": held, "unit": "1", "reference": PROMISED, "ratio": held / PROMISED},
    ]


def _plain_rate() -> float:
    """Windows a second without statistics."""
    stream = batches(WORLD, jax.random.key(0))
    next(stream), next(stream)
    start = time.perf_counter()
    count = sum(len(next(stream)[1]) for _ in range(8))
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    for record in run():
        print(record)
