"""The demo's device: a real robot's recording where there is one, else a robot from a differently built world."""

from dataclasses import dataclass
from pathlib import Path

from sim.catalog import WORLDS
from sim.worlds.rover_device import recording
from slipway.spec import TaskSpec
from slipway.windows import Labels, Values
from studies import rover


@dataclass(frozen=True)
class Device:
    """What one device measured, cut into a pool to adapt on and a test that nothing is chosen on."""

    data: str  # "real" or "simulated"
    task: TaskSpec
    pool: Values
    pool_labels: Labels
    test: Values
    test_labels: Labels


def find(folder: Path | None, seed: int) -> Device:
    """The recording in ``folder`` if it is there, else a simulated device.

    Raises:
        Refused: a recording that is not the one whose checksum is pinned.
    """
    task = WORLDS["rover"].task
    real = rover.find(folder)
    if real is not None:
        pool, test = rover.split(real)
        return Device("real", task, pool.values, pool.labels, test.values, test.labels)
    pool, test = rover.split(rover.Recording(*recording(seed)))
    return Device("simulated", task, pool.values, pool.labels, test.values, test.labels)
