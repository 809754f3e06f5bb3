"""What a device has told its server and what is on its way: on the disk before anybody hears of it."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from slipway.durable import replace_file
from slipway.statistics import ChannelStatistics

LIMIT_BYTES = 1 << 20


@dataclass(frozen=True)
class Ledger:
    """What has been told and what is on its way.

    Args:
        round_s: when the last round began, in seconds since 1970.
        day: of which ``day_bytes`` were sent, in days since 1970.
        charged: id of the parcel that was counted last.
        gathered: statistics of windows that nobody was told of.
        pending: statistics that are on their way.
        request_id: of ``pending``.
        sensor: whose windows, as JSON.
    """

    round_s: float = 0.0
    day: int = 0
    day_bytes: int = 0
    charged: str = ""
    gathered: ChannelStatistics | None = None
    pending: ChannelStatistics | None = None
    request_id: str = ""
    sensor: str = ""


def spent_bytes(ledger: Ledger, day: int) -> int:
    """Bytes of windows that were sent on ``day``, in days since 1970."""
    return ledger.day_bytes if ledger.day == day else 0


def charged(ledger: Ledger, upload_id: str, size_bytes: int, day: int) -> Ledger:
    """With a parcel of ``size_bytes`` counted on ``day``."""
    return replace(ledger, day=day, day_bytes=spent_bytes(ledger, day) + size_bytes, charged=upload_id)


def read(path: Path, sensor: str) -> Ledger:
    """The ledger at ``path``; an empty one where there is none, or none for windows of ``sensor`` (JSON)."""
    try:
        with path.open("rb") as file:
            fields: dict[str, Any] = json.loads(file.read(LIMIT_BYTES))
        for name in ("gathered", "pending"):
            fields[name] = _statistics(fields[name])
        ledger = Ledger(**fields)
        float(ledger.round_s), int(ledger.day), int(ledger.day_bytes)
        return ledger if ledger.sensor == sensor else Ledger(sensor=sensor)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Ledger(sensor=sensor)


def write(path: Path, ledger: Ledger) -> None:
    """Put ``ledger`` in place of the one before; it is on the disk when this returns.

    Raises:
        OSError: the disk; what was there is there still.
    """
    replace_file(path, json.dumps(asdict(ledger)).encode())


def _statistics(fields: dict[str, Any] | None) -> ChannelStatistics | None:
    if fields is None:
        return None
    mean, scatter = (tuple(map(float, fields[name])) for name in ("mean", "sum_squared_deviation"))
    return ChannelStatistics(int(fields["count"]), mean, scatter)
