"""How much memory what streams takes: a million windows of each world, and the devices of a fleet job.

Each number is the peak of a process of its own. A fleet job's is compared with that of a fleet a tenth as large: what
grows with the devices would show.
"""

import json
import subprocess
import sys
from typing import Any

WINDOW_COUNT = 1_000_000
SECONDS = 60.0  # of streaming; a world too slow for a million in it is measured over so many as it makes
LIMIT_MIB = 2048.0
SMALL_FLEET, LARGE_FLEET = 20, 200  # devices

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


FLEET = """
import json, resource, sys
from benchmarks.fleet import run_job
outcome = run_job(int(sys.argv[1]))
assert all(device.decision for device in outcome.devices)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(json.dumps({"peak_mib": peak}))
"""


def run() -> list[dict[str, Any]]:
    """Peak resident memory of fresh processes: streams of every world of the table, and a fleet job.

    Returns:
        Records ``name value unit reference ratio``; a name says ``million`` only where a million were streamed.
    """
    from sim.catalog import WORLDS

    return [*(record for name in WORLDS for record in measure(name)), fleet_job()]


def fleet_job() -> dict[str, Any]:
    """Peak of a fleet job of 200 small devices, over that of one of 20."""
    small, large = (_spoken(FLEET, str(count))["peak_mib"] for count in (SMALL_FLEET, LARGE_FLEET))
    return {"name": "fleet_job_peak_mib", "value": large, "unit": "MiB", "reference": small, "ratio": large / small}


def measure(world: str) -> list[dict[str, Any]]:
    """Records of one world."""
    found = _spoken(STREAM, world, str(WINDOW_COUNT), str(SECONDS))
    said = "million" if found["count"] >= WINDOW_COUNT else f"{found['count']}"
    peak = found["peak_mib"]
    name = f"{world}_{said}_windows_peak_mib"
    return [{"name": name, "value": peak, "unit": "MiB", "reference": LIMIT_MIB, "ratio": peak / LIMIT_MIB}]


def _spoken(program: str, *arguments: str) -> dict[str, Any]:
    """What a fresh process says in its last line."""
    done = subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    for record in run():
        print(record)
