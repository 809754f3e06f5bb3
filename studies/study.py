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
        identify: (pool values, seed) → a prior fitted to the device without any label; None: nothing can be fitted.
        draw: (pool, folder) → writes ``<name>.png``, real and simulated signals side by side.
    """

    name: str
    recording: str
    world: World
    load: Callable[[Path], tuple[Domain, Domain]]
    window_count: int
    identify: Callable[[Values, int], Prior] | None = None
    draw: Callable[[Domain, Path], None] | None = None

    @property
    def task(self) -> TaskSpec:
        """What is asked of every window."""
        return self.world.task
