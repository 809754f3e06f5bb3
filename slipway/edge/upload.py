"""What a device tells of its windows, as its operator allows: nothing, their statistics, or the windows themselves.

Something is sent when the drift is over a limit or when somebody asks for it, once an interval at most, and so many
bytes a day at most. What is on its way has an id that is on the disk before the server hears of it: after a kill or
without a server it is sent later, and counted once.
"""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from slipway.client.datasets import Datasets, statistics_of
from slipway.durable import replace_file
from slipway.edge.ring import Ring
from slipway.edge.sharing import NOTHING, STATISTICS, WANTED, Sharing
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec, sensor_to_json
from slipway.statistics import ChannelStatistics, merge
from slipway.transport import ServerRefused
from slipway.windows import Values

DAY_S = 86_400
PARCEL_WINDOWS = 4096
PATIENCE_S = 10.0
LEDGER_LIMIT_BYTES = 1 << 20
HOPELESS = ("INVALID_ARGUMENT", "OUT_OF_RANGE")  # sent again it would be refused again


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


@dataclass(frozen=True)
class Sent:
    """What a round has sent: windows, or samples of each channel as statistics."""

    window_count: int = 0
    sample_count: int = 0


class Uploader:
    """Sends what may be told. One thread calls ``round``; another may ``gather``.

    Args:
        folder: holds the ledger, and ``share.wanted`` while somebody asks for a round.
        task: of the windows.
        ring: where windows are kept; None where they are not.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        sharing: Sharing,
        task: TaskSpec,
        ring: Ring | None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path, self._wanted = folder / "shared.json", folder / WANTED
        self.sharing, self._task, self._ring, self._clock = sharing, task, ring, clock
        self.ledger = _read(self._path, json.dumps(sensor_to_json(task.sensor)))
        self._fresh: ChannelStatistics | None = None  # one reference: threads swap it, none locks

    def gather(self, windows: Values) -> None:
        """Take in the statistics of windows (count, time, channels), where these may be told."""
        if self.sharing.what == STATISTICS:
            self._fresh = merged(self._fresh, statistics_of(windows))

    def keep(self) -> None:
        """Put what was gathered on the disk."""
        fresh, self._fresh = self._fresh, None
        if fresh is not None:
            self._note(replace(self.ledger, gathered=merged(self.ledger.gathered, fresh)))

    def round(self, datasets: Datasets, device_id: str, drift: float | None) -> Sent | None:
        """Send what is due; None where nothing is.

        Raises:
            ServerUnreachable: it is sent in a later round.
            Refused, ServerRefused: likewise, but for a parcel that would be refused again.
        """
        if self.sharing.what == NOTHING or not self._due(drift):
            return None
        self._note(replace(self.ledger, round_s=self._clock()))
        dataset = self.sharing.dataset or device_id
        send = self._statistics if self.sharing.what == STATISTICS else self._windows
        sent = send(datasets, dataset)
        self._wanted.unlink(missing_ok=True)
        return sent

    def _due(self, drift: float | None) -> bool:
        if self.ledger.pending or self._wanted.exists() or (self._ring and self._ring.on_its_way()):
            return True
        rested = not 0 <= self._clock() - self.ledger.round_s < self.sharing.interval_s
        return rested and drift is not None and drift >= self.sharing.drift_limit

    def _statistics(self, datasets: Datasets, dataset: str) -> Sent:
        self.keep()
        if self.ledger.pending is None and self.ledger.gathered is not None:
            told = replace(self.ledger, pending=self.ledger.gathered, gathered=None, request_id=str(uuid.uuid4()))
            self._note(told)
        pending = self.ledger.pending
        if pending is None:
            return Sent()
        self._make(datasets, dataset)
        datasets.upload_statistics(dataset, pending, self.ledger.request_id)
        self._note(replace(self.ledger, pending=None, request_id=""))
        return Sent(sample_count=pending.count)

    def _windows(self, datasets: Datasets, dataset: str) -> Sent:
        count = 0
        while self._ring is not None and (parcel := self._ring.parcel(self._affordable())) is not None:
            if parcel.upload_id != self.ledger.charged:
                self._note(self._charge(parcel.upload_id, parcel.values.nbytes))
            self._make(datasets, dataset)
            try:
                datasets.upload_windows(
                    dataset,
                    parcel.values,
                    sensor=self._task.sensor,
                    upload_id=parcel.upload_id,
                    patience_s=PATIENCE_S,
                )
            except (Refused, ServerRefused) as refusal:
                if isinstance(refusal, Refused) or refusal.code in HOPELESS:
                    self._ring.arrived(parcel)
                raise
            self._ring.arrived(parcel)
            count += len(parcel.values)
        return Sent(window_count=count)

    def _affordable(self) -> int:
        """Windows that today's bytes are enough for, in one parcel."""
        length, width = self._task.sensor.window_shape
        spent = self.ledger.day_bytes if self.ledger.day == self._today() else 0
        return min(PARCEL_WINDOWS, max(0, self.sharing.day_bytes - spent) // (4 * length * width))

    def _charge(self, upload_id: str, size_bytes: int) -> Ledger:
        today = self._today()
        spent = self.ledger.day_bytes if self.ledger.day == today else 0
        return replace(self.ledger, day=today, day_bytes=spent + size_bytes, charged=upload_id)

    def _today(self) -> int:
        return int(self._clock() // DAY_S)

    def _make(self, datasets: Datasets, dataset: str) -> None:
        """See that the dataset is there."""
        try:
            datasets.get(dataset)
        except ServerRefused as refusal:
            if refusal.reason != Reason.DATASET_NOT_FOUND:
                raise
            try:
                datasets.create(dataset, self._task.sensor, self._task.classes, outputs=self._task.outputs)
            except ServerRefused as again:
                if again.reason != Reason.DATASET_EXISTS:  # somebody else was faster
                    raise

    def _note(self, ledger: Ledger) -> None:
        replace_file(self._path, json.dumps(asdict(ledger)).encode())
        self.ledger = ledger


def merged(a: ChannelStatistics | None, b: ChannelStatistics) -> ChannelStatistics:
    """Statistics of both sets of samples together."""
    return b if a is None else merge(a, b)


def _read(path: Path, sensor: str) -> Ledger:
    """The ledger; an empty one where there is none, or none for this sensor."""
    try:
        with path.open("rb") as file:
            fields: dict[str, Any] = json.loads(file.read(LEDGER_LIMIT_BYTES))
        for name in ("gathered", "pending"):
            fields[name] = _statistics_from(fields[name])
        ledger = Ledger(**fields)
        float(ledger.round_s), int(ledger.day), int(ledger.day_bytes)
        return ledger if ledger.sensor == sensor else Ledger(sensor=sensor)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Ledger(sensor=sensor)


def _statistics_from(fields: dict[str, Any] | None) -> ChannelStatistics | None:
    if fields is None:
        return None
    mean, scatter = (tuple(map(float, fields[name])) for name in ("mean", "sum_squared_deviation"))
    return ChannelStatistics(int(fields["count"]), mean, scatter)
