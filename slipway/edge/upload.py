"""What a device tells of its windows, as its operator allows: nothing, their statistics, or the windows themselves.

Something is sent when the drift is over a limit or when somebody asks for it, once an interval at most, and so many
bytes a day at most. Whoever asks gets all; drift is told by what came since it began, for a model that is to learn from
it should not learn what home was like. What is on its way has an id that is on the disk before the server hears of it:
after a kill or without a server it is sent later, and counted once.
"""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from slipway.client.datasets import Datasets, statistics_of
from slipway.edge import ledger as ledgers
from slipway.edge.drift import BATCHES
from slipway.edge.ledger import Ledger
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
HOPELESS = ("INVALID_ARGUMENT", "OUT_OF_RANGE")  # sent again it would be refused again


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
        self.ledger = ledgers.read(self._path, json.dumps(sensor_to_json(task.sensor)))
        self._fresh: ChannelStatistics | None = None  # one reference: threads swap it, none locks
        self._lately: tuple[tuple[float, ChannelStatistics], ...] = ()  # of each batch, and when it began; likewise

    def gather(self, windows: Values, time_s: float = 0.0) -> None:
        """Take in the statistics of windows (count, time, channels), where these may be told.

        Args:
            time_s: when the first of them came, in seconds since 1970.
        """
        if self.sharing.what == STATISTICS:
            found = statistics_of(windows)
            self._fresh = merged(self._fresh, found)
            self._lately = (*self._lately, (time_s, found))[-BATCHES:]

    def keep(self) -> None:
        """Put what was gathered on the disk."""
        fresh, self._fresh = self._fresh, None
        if fresh is not None:
            self._note(replace(self.ledger, gathered=merged(self.ledger.gathered, fresh)))

    def round(self, datasets: Datasets, device_id: str, drift: float | None, since_s: float = 0.0) -> Sent | None:
        """Send what is due; None where nothing is.

        Args:
            since_s: when what drifts began to, in seconds since 1970; what came before is sent if somebody asks.

        Raises:
            ServerUnreachable: it is sent in a later round.
            Refused, ServerRefused: likewise, but for a parcel that would be refused again.
        """
        if self.sharing.what == NOTHING or not self._due(drift):
            return None
        self._note(replace(self.ledger, round_s=self._clock()))
        dataset = self.sharing.dataset or device_id
        send = self._statistics if self.sharing.what == STATISTICS else self._windows
        sent = send(datasets, dataset, 0.0 if self._wanted.exists() else since_s)
        self._wanted.unlink(missing_ok=True)
        return sent

    def _due(self, drift: float | None) -> bool:
        if self.ledger.pending or self._wanted.exists() or (self._ring and self._ring.on_its_way()):
            return True
        rested = not 0 <= self._clock() - self.ledger.round_s < self.sharing.interval_s
        return rested and drift is not None and drift >= self.sharing.drift_limit

    def _statistics(self, datasets: Datasets, dataset: str, since_s: float) -> Sent:
        self.keep()
        found = self._since(since_s) if since_s else self.ledger.gathered
        if self.ledger.pending is None and found is not None:
            self._note(replace(self.ledger, pending=found, gathered=None, request_id=str(uuid.uuid4())))
            self._lately = ()
        pending = self.ledger.pending
        if pending is None:
            return Sent()
        self._make(datasets, dataset)
        datasets.upload_statistics(dataset, pending, self.ledger.request_id)
        self._note(replace(self.ledger, pending=None, request_id=""))
        return Sent(sample_count=pending.count)

    def _since(self, since_s: float) -> ChannelStatistics | None:
        found = None
        for time_s, statistics in self._lately:
            found = merged(found, statistics) if time_s >= since_s else found
        return found

    def _windows(self, datasets: Datasets, dataset: str, since_s: float) -> Sent:
        count = 0
        while self._ring is not None and (parcel := self._ring.parcel(self._affordable(), since_s)) is not None:
            if parcel.upload_id != self.ledger.charged:
                self._note(ledgers.charged(self.ledger, parcel.upload_id, parcel.values.nbytes, self._today()))
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
        spent_bytes = ledgers.spent_bytes(self.ledger, self._today())
        return min(PARCEL_WINDOWS, max(0, self.sharing.day_bytes - spent_bytes) // (4 * length * width))

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
        ledgers.write(self._path, ledger)
        self.ledger = ledger


def merged(a: ChannelStatistics | None, b: ChannelStatistics) -> ChannelStatistics:
    """Statistics of both sets of samples together."""
    return b if a is None else merge(a, b)
