"""How much memory a million windows take when they are streamed: the peak of a process of their own for each world."""

import json
import subprocess
import sys
from typing import Any

WINDOW_COUNT = 1_000_000
SECONDS = 60.0  # of streaming; a world too slow for a million in it is measured over so many as it makes
LIMIT_MIB = 2048.0

# Linux and macOS count ru_maxrss in KiB and in bytes.
STREAM = """
import json, resource, sys, time
import jax
from sim.catalog import WORLDS
from sim.generate import batches
name, wanted, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
stream = batches(WORLDS[name], jax.random.key(0))
done, began = len(next(stream)[1]), time.monotonic()  # compiled by now
for values, labels in stream:
    done += len(labels)
    if done >= wanted or time.monotonic() - began > seconds:
        break
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(json.dumps({"count": done, "peak_mib": peak}))
"""


def run() -> list[dict[str, Any]]:
    """Peak resident memory of a fresh process that streams windows of one world, for every world of the table.

    Returns:
        Records ``name value unit reference ratio``; a name says ``million`` only where a million were streamed.
    """
    from sim.catalog import WORLDS

    return [record for name in WORLDS for record in measure(name)]


def measure(world: str) -> list[dict[str, Any]]:
    """Records of one world."""
    command = [sys.executable, "-c", STREAM, world, str(WINDOW_COUNT), str(SECONDS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    said = "million" if found["count"] >= WINDOW_COUNT else f"{found['count']}"
    peak = found["peak_mib"]
    name = f"{world}_{said}_windows_peak_mib"
    return [{"name": name, "value": peak, "unit": "MiB", "reference": LIMIT_MIB, "ratio": peak / LIMIT_MIB}]


if __name__ == "__main__":
    for record in run():
        print(record)
