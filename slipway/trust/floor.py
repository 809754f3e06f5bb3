"""The time that it is at least, and the newest timestamp seen: what a device without a clock still knows.

The floor rises with signed times and with the hours that the device has run, never with its own clock: a clock that is
ahead makes updates fail while it is wrong and does no lasting harm; one that is behind does none.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from slipway.durable import replace_file
from slipway.trust import refusals

FILE = "floor.json"
LIMIT_BYTES = 1 << 16
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_S = 253_000_000_000.0  # year 9987; later ones overflow


@dataclass(frozen=True)
class Floor:
    """What only rises.

    Args:
        time_s: seconds since 1970 (UTC) that have passed at least.
        counter: version of the newest timestamp metadata that was accepted.
        keys: who may sign timestamps; other keys begin another count.
        unchanged: how often in a row the server had nothing newer than ``counter``.
    """

    time_s: float = 0.0
    counter: int = 0
    keys: tuple[str, ...] = ()
    unchanged: int = 0

    @property
    def time(self) -> datetime:
        """``time_s`` as a date."""
        return EPOCH + timedelta(seconds=self.time_s)


def ran(floor: Floor, elapsed_s: float) -> Floor:
    """The device has run for ``elapsed_s`` since the last time that it said so."""
    return replace(floor, time_s=min(LATEST_S, floor.time_s + max(0.0, elapsed_s)))


def seen(floor: Floor, *, counter: int, keys: tuple[str, ...], signed: datetime | None) -> Floor:
    """A timestamp was accepted.

    Args:
        counter: its version.
        keys: who may sign it by the trusted root.
        signed: when it says it was signed.

    Raises:
        Refused: it is older than one that was accepted before.
    """
    same = keys == floor.keys
    if same and counter < floor.counter:
        raise refusals.refused(f"timestamp {counter} is offered, this device has seen timestamp {floor.counter}")
    later = 0.0 if signed is None else (signed - EPOCH).total_seconds()
    unchanged = floor.unchanged + 1 if same and counter == floor.counter else 0
    return Floor(min(LATEST_S, max(floor.time_s, later)), counter, keys, unchanged)


def read(folder: Path) -> Floor:
    """What ``write`` kept; a new floor where there is none or it cannot be read."""
    try:
        with (folder / FILE).open("rb") as file:
            fields = json.loads(file.read(LIMIT_BYTES))
        found = Floor(float(fields["time_s"]), int(fields["counter"]), tuple(fields["keys"]), int(fields["unchanged"]))
        return found if 0.0 <= found.time_s <= LATEST_S else Floor()
    except (OSError, ValueError, TypeError, KeyError):
        return Floor()


def write(folder: Path, floor: Floor) -> None:
    """Keep ``floor``."""
    replace_file(folder / FILE, json.dumps(asdict(floor)).encode())
