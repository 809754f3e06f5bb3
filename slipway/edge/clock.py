"""What time it is, on devices with a clock and without one."""

import time
from collections.abc import Callable
from pathlib import Path

from slipway.edge.pinned import FOLDER


def at_least(folder: Path, clock: Callable[[], float] = time.time) -> Callable[[], float]:
    """Seconds since 1970: the device's clock, but never before the time that signed metadata has proved.

    A device without a clock starts in 1970, and servers take no reports from there.

    Args:
        folder: of the device.
        clock: what the device believes.
    """
    return lambda: max(clock(), _proved_s(folder / FOLDER))


def _proved_s(place: Path) -> float:
    if not place.exists():
        return 0.0
    from slipway.trust import floor  # loads what checks signatures, which such a device has loaded anyway

    return floor.read(place).time_s
