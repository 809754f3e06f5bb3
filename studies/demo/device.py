"""The demo's device: a real robot's recording where there is one, else a robot from a differently built world."""

from dataclasses import dataclass
from pathlib import Path

import jax

from sim.catalog import WORLDS
from sim.generate import windows
from slipway.spec import TaskSpec
from slipway.windows import Labels, Values
from studies import rover

POOL_COUNT, TEST_COUNT = 3274, 2172  # as many windows as the recording has


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
    recording = rover.find(folder)
    if recording is not None:
        pool, test = rover.split(recording)
        return Device("real", task, pool.values, pool.labels, test.values, test.labels)
    values, labels = windows(WORLDS["rover_device"], jax.random.key(seed), POOL_COUNT + TEST_COUNT)
    return Device("simulated", task, values[:POOL_COUNT], labels[:POOL_COUNT], values[POOL_COUNT:], labels[POOL_COUNT:])
