"""What a study is: a world, a real recording cut into pool and test, and how the one is fitted to the other."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sim.priors import Prior
from sim.world import World
from slipway.spec import TaskSpec
from slipway.windows import Answers, Values


@dataclass(frozen=True)
class Domain:
    """Labelled windows.

    Args:
        values: (count, time, channels) float32 in the sensor's units.
        labels: (count,) class indices, or (count, outputs) of a regression.
    """

    values: Values
    labels: Answers


@dataclass(frozen=True)
class Study:
    """One scenario: simulation in, a real device out.

    Args:
        name: of its files below ``out/studies/``.
        recording: its folder below ``SLIPWAY_DATA``.
        world: the source.
        load: folder of all recordings → pool and test, no window shared; raises ``Refused`` RECORDING_DIFFERS.
        window_count: simulated windows to pretrain from.
        hop: samples from one window of the pool to the next.
        identify: (folder, pool, seed) → a prior fitted to the device; it never reads a class label nor the test.
        draw: (folder, pool, out) → writes ``<name>.png``, real and simulated signals side by side.
    """

    name: str
    recording: str
    world: World
    load: Callable[[Path], tuple[Domain, Domain]]
    window_count: int
    hop: int = 1
    identify: Callable[[Path, Domain, int], Prior] | None = None
    draw: Callable[[Path, Domain, Path], None] | None = None

    @property
    def task(self) -> TaskSpec:
        """What is asked of every window."""
        return self.world.task
