"""What waits goes to the server until it is taken: reports at once, moments and windows once an interval.

What the server will never take is let go and said in the log. What it may take later waits: a refused gateway must not
cost a report of a device.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable

from slipway.client.convert import to_value
from slipway.client.uploads import send
from slipway.client.values import Dataset
from slipway.errors import Reason
from slipway.gateway import datasets, parcels, reports
from slipway.gateway.ledger import Ledger
from slipway.gateway.policy import Policy
from slipway.gateway.upstream import Upstream
from slipway.transport import ServerRefused, ServerUnreachable, ask
from slipway.v1 import datasets_pb2, spec_pb2
from slipway.v1 import updates_pb2 as pb

BATCH = 64
PAUSE_LIMIT_S = 120.0
NEVER = frozenset(
    {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "ALREADY_EXISTS", "OUT_OF_RANGE", "DATA_LOSS"}
)
NAMESPACE = uuid.UUID("6f2a3b52-5d0e-4b8e-9c57-2c1a6b0f7d11")

log = logging.getLogger(__name__)


class Courier:
    """Carries. Its steps run in threads, one at a time.

    Args:
        random: uniform numbers from 0 to 1.
    """

    def __init__(self, ledger: Ledger, upstream: Upstream, policy: Policy, random: Callable[[], float]) -> None:
        self._ledger = ledger
        self._upstream = upstream
        self._policy = policy
        self._random = random
        self._something = asyncio.Event()

    def wake(self) -> None:
        """A report waits."""
        self._something.set()

    async def run(self) -> None:
        """Carry until the task is cancelled."""
        await asyncio.gather(self._keep_relaying(), self._keep_sending())

    async def _keep_relaying(self) -> None:
        pause = 1.0
        while True:
            self._something.clear()
            done = await self._trying(self.relay)
            if done:
                pause = 1.0
                await self._something.wait()
            else:
                await asyncio.sleep(pause * (0.5 + self._random()))
                pause = min(PAUSE_LIMIT_S, 2.0 * pause)

    async def _keep_sending(self) -> None:
        while True:
            await asyncio.sleep(self._policy.interval_s * (0.9 + 0.2 * self._random()))
            await self._trying(self.send)

    async def _trying(self, step: Callable[[], bool]) -> bool:
        try:
            return await asyncio.to_thread(step)
        except ServerUnreachable as error:
            log.info("waiting: %s", error.message)
        except Exception:
            log.exception("cannot carry")
        return False

    def relay(self) -> bool:
        """Send every report that waits; whether none is left.

        Raises:
            ServerUnreachable: the rest waits.
        """
        while letters := self._ledger.run(reports.in_turn, BATCH):
            taken = [self._relay(letter) for letter in letters]
            if not any(taken):
                return False
        return True

    def send(self) -> bool:
        """Send moments and windows; whether all that could be sent was.

        Raises:
            ServerUnreachable: the rest waits.
        """
        done = [self._send_moments(moments) for moments in self._ledger.run(parcels.seal)]
        done += [self._send_windows(upstream_id) for upstream_id in self._ledger.run(parcels.waiting)]
        return all(done)

    def _relay(self, letter: reports.Letter) -> bool:
        try:
            self._upstream.relay(pb.RelayReportRequest(report=letter.report, signature=letter.signature))
        except ServerRefused as error:
            if not _never(error):
                log.warning("report %s waits: %s", letter.id, error.message)
                self._ledger.run(reports.postpone, letter)
                return False
            log.warning("report %s is refused and let go: %s", letter.id, error.message)
        self._ledger.run(reports.done, letter)
        return True

    def _send_moments(self, moments: parcels.Moments) -> bool:
        found = moments.statistics
        message = spec_pb2.ChannelStatistics(
            count=found.count, mean=found.mean, sum_squared_deviation=found.sum_squared_deviation
        )
        request = datasets_pb2.UploadStatisticsRequest(
            dataset=f"datasets/{moments.upstream_id}", statistics=message, request_id=moments.request_id
        )
        try:
            self._create(moments.upstream_id)
            ask(self._upstream.datasets.UploadStatistics, request, self._upstream.address)
        except ServerRefused as error:
            if not self._let_go(error, f"moments for {moments.upstream_id}"):
                return False
        self._ledger.run(parcels.sent, moments)
        return True

    def _send_windows(self, upstream_id: str) -> bool:
        message = self._ledger.run(datasets.of_upstream, upstream_id)
        assert message is not None
        dataset: Dataset = to_value(message)
        while len((parcel := self._ledger.run(parcels.pack, upstream_id, dataset)).values):
            try:
                self._create(upstream_id)
                send(self._upstream.datasets, self._upstream.address, parcel, patience_s=0.0)  # it goes on later
            except ServerRefused as error:
                if not self._let_go(error, f"{len(parcel.values)} windows for {upstream_id}"):
                    return False
            self._ledger.run(parcels.unpack, parcel)
        return True

    def _create(self, upstream_id: str) -> None:
        """Make sure that the server has the dataset: one that exists is looked at when something is sent to it."""
        message = self._ledger.run(datasets.of_upstream, upstream_id)
        assert message is not None
        new = datasets_pb2.Dataset(display_name=message.display_name, sensor=message.sensor)
        new.classes.extend(message.classes)
        new.outputs.extend(message.outputs)
        content = upstream_id.encode() + b"\0" + new.SerializeToString(deterministic=True)
        request_id = str(uuid.uuid5(NAMESPACE, content.hex()))
        request = datasets_pb2.CreateDatasetRequest(dataset_id=upstream_id, dataset=new, request_id=request_id)
        try:
            ask(self._upstream.datasets.CreateDataset, request, self._upstream.address)
        except ServerRefused as error:
            if error.reason != Reason.DATASET_EXISTS:
                raise

    def _let_go(self, error: ServerRefused, what: str) -> bool:
        never = _never(error)
        log.warning("%s %s: %s", what, "are refused and let go" if never else "wait", error.message)
        return never


def _never(error: ServerRefused) -> bool:
    return error.code in NEVER or error.reason == Reason.REPORT_NOT_SIGNED
