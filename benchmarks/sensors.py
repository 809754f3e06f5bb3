"""How many bytes of readings the sensor models make, against what this machine's memory can move.

The reference is STREAM's triad (a = b + s c) in JAX in the same minutes, on arrays far over the caches, counted as
STREAM counts: two reads and a write. A model that only copied truth to readings would come near it; chance costs more:
``imu_chance_share`` is how much of the IMU's time its random numbers take when drawn alone.

Reference: McCalpin, Memory bandwidth and machine balance in current high performance computers, 1995.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from sim.sensors.catalog import SENSORS

RATE_HZ = 50.0
SAMPLES = 64  # a window
WINDOWS = {"imu": 8192, "microphone": 16, "lidar": 64, "ultrasound": 32}
ROUNDS = 5
TRIAD_FLOATS = 32 * 2**20
Run = Callable[[], jax.Array]


def run() -> list[dict[str, Any]]:
    """The best of ``ROUNDS`` of each, taken in turn in this process, after compilation.

    Returns:
        Records ``name value unit reference ratio``: ``<kind>_bytes_a_second`` against the triad's, and of the IMU the
        share of the memory's bandwidth and of the time that goes into chance.
    """
    triad, chance = _triad(), _chance()
    kinds = {kind: _windows(kind) for kind in SENSORS}
    seconds = _best({"triad": triad, "chance": chance, **kinds})
    bandwidth = 3 * 4 * TRIAD_FLOATS / seconds["triad"]
    records = [_record("memory_bandwidth", bandwidth, "B/s", bandwidth)]
    rates = {kind: program().nbytes / seconds[kind] for kind, program in kinds.items()}
    records += [_record(f"{kind}_bytes_a_second", rate, "B/s", bandwidth) for kind, rate in rates.items()]
    records.append(_record("imu_bandwidth_share", rates["imu"] / bandwidth, "1", 1.0))
    records.append(_record("imu_chance_share", seconds["chance"] / seconds["imu"], "1", 1.0))
    return records


def _record(name: str, value: float, unit: str, reference: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "reference": reference, "ratio": value / reference}


def _best(programs: dict[str, Run]) -> dict[str, float]:
    """Seconds of the quickest round of each."""
    found = dict.fromkeys(programs, float("inf"))
    for _ in range(1 + ROUNDS):  # the first compiles, and is never the quickest
        for name, program in programs.items():
            start = time.perf_counter()
            program().block_until_ready()
            found[name] = min(found[name], time.perf_counter() - start)
    return found


def _triad() -> Run:
    b, c = jnp.ones(TRIAD_FLOATS), jnp.ones(TRIAD_FLOATS)
    triad = jax.jit(lambda b, c: b + 3.0 * c)
    return lambda: triad(b, c)


def _chance() -> Run:
    """White noise as the IMU draws it, alone."""
    keys = jax.random.split(jax.random.key(0), WINDOWS["imu"])
    draw = jax.jit(jax.vmap(lambda key: jax.random.normal(key, (6, SAMPLES))))
    return lambda: draw(keys)


def _windows(kind: str) -> Run:
    """One batch of a sensor's windows, every one by a device and of a truth of its own."""
    sensor, count = SENSORS[kind](rate_hz=8000.0 if kind == "microphone" else RATE_HZ), WINDOWS.get(kind, 2048)
    keys = jax.random.split(jax.random.key(0), count)
    truths = jax.jit(jax.vmap(lambda key: sensor.example(key, SAMPLES)))(keys)
    devices = sensor.prior.sample(keys[0], count)
    measure = jax.jit(jax.vmap(sensor.measure))
    return lambda: measure(truths, devices, keys)


if __name__ == "__main__":
    for record in run():
        print(record)
