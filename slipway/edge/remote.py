"""The device's line to its server: ``slipway.v1.Updates`` as plain values. What an offer may be stands in ``offer``."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from slipway import spread
from slipway.edge.offer import Beside, Delta, Offer, check_offer
from slipway.edge.report import Comparison, Health
from slipway.edge.reporting import Reporter
from slipway.edge.state import Installed, Report
from slipway.transport import ask, open_channel, read_stream
from slipway.v1 import updates_pb2, updates_pb2_grpc

if TYPE_CHECKING:
    from slipway.client.datasets import Datasets

DOWNLOAD_DEADLINE_S = 300.0  # a slower stream is opened again from where it stands
MESSAGE_LIMIT_CHARS = 500


class Line(Protocol):
    """What an installer needs of a server, or of what stands for one."""

    def offer(self, model: str, channel: str, held: Sequence[str] = (), *, device_id: str = "") -> Offer:
        """As ``Remote.offer``."""
        ...

    def pieces(self, sha256: str, offset: int) -> Iterator[tuple[int, bytes]]:
        """As ``Remote.pieces``."""
        ...

    def report(self, device_id: str, report: Report) -> None:
        """As ``Remote.report``."""
        ...

    def report_health(self, device_id: str, health: Health) -> None:
        """As ``Remote.report_health``."""
        ...


class Remote:
    """One server, or a gateway. Every method raises ``ServerRefused`` or ``ServerUnreachable``.

    Args:
        key: reads the private key of the device's certificate: to a gateway reports go signed.
        clock: seconds since 1970; stands in what is signed.
    """

    def __init__(
        self,
        address: str,
        credentials: Any = None,
        key: Callable[[], bytes] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.address = address
        self._key, self._clock = key, clock
        self._changing, self._closed = threading.Lock(), False
        self._open(credentials)

    def offer(self, model: str, channel: str, held: Sequence[str] = (), *, device_id: str = "") -> Offer:
        """What ``channel`` of ``model`` points at now.

        Args:
            held: SHA-256 of bundles that a delta may start from; a server that knows no deltas overlooks them.
            device_id: with it the answer is that of the device's place in a rollout.

        Raises:
            Refused: FIELD_INVALID or LIMIT_EXCEEDED for an answer that cannot be true.
        """
        request = updates_pb2.GetMetadataRequest(model=model, channel=channel, held_sha256=held, device_id=device_id)
        reply = ask(self._stub.GetMetadata, request, self.address)
        offer = _offer(reply, reply.serial)
        check_offer(offer, model)
        if not reply.HasField("candidate"):
            return offer
        return replace(offer, candidate=Beside(reply.candidate.rollout, _offer(reply.candidate, reply.serial)))

    def pieces(self, sha256: str, offset: int) -> Iterator[tuple[int, bytes]]:
        """The bytes of a target or a delta from ``offset`` on, as (offset, data)."""
        request = updates_pb2.DownloadTargetRequest(sha256=sha256, read_offset=offset)
        for piece in read_stream(self._stub.DownloadTarget, request, self.address, DOWNLOAD_DEADLINE_S):
            yield piece.offset, piece.data

    def repository_file(self, name: str) -> bytes:
        """A file of the update repository's metadata, whole. It is as good as its signatures: ``slipway.trust``."""
        request = updates_pb2.GetRepositoryFileRequest(name=name)
        content: bytes = ask(self._stub.GetRepositoryFile, request, self.address).content
        return content

    def hints(self, model: str, channel: str) -> Iterator[float]:
        """A word now, and whenever the channel moves: over how many seconds those who hear it should ask."""
        request = updates_pb2.WatchUpdatesRequest(model=model, channel=channel)
        for hint in read_stream(self._stub.WatchUpdates, request, self.address):
            yield spread.seconds(hint.spread)

    def report(self, device_id: str, report: Report) -> None:
        """Tell how an update went."""
        request = updates_pb2.ReportStatusRequest(
            device_id=device_id,
            version=report.version,
            state=report.state,
            reason=report.reason,
            message=report.message[:MESSAGE_LIMIT_CHARS],
        )
        self._reporter.send(request)

    def report_health(self, device_id: str, health: Health) -> None:
        """Tell how the model does, and a candidate beside it."""
        request = updates_pb2.ReportHealthRequest(
            device_id=device_id,
            version=health.version,
            sequence=health.sequence,
            window_count=health.window_count,
            drift=health.drift,
            comparison=_comparison(health.comparison) if health.comparison else None,
        )
        self._reporter.send(request)

    def datasets(self) -> "Datasets":
        """Calls about recorded data over the same line."""
        from slipway.client.datasets import Datasets

        return Datasets(self._channel, self.address)

    def show(self, credentials: Any) -> None:
        """From now on other credentials: calls under way break off as if the line had, and are made again."""
        with self._changing:
            if self._closed:
                return
            before = self._channel
            self._open(credentials)
        before.close()

    def close(self) -> None:
        """End every call, also one that another thread waits on."""
        with self._changing:
            self._closed = True
            self._channel.close()

    def _open(self, credentials: Any) -> None:
        self._channel = open_channel(self.address, credentials)
        self._stub = updates_pb2_grpc.UpdatesStub(self._channel)
        self._reporter = Reporter(self._stub, self.address, self._key, self._clock)


def _offer(reply: updates_pb2.UpdateMetadata | updates_pb2.Candidate, serial: int) -> Offer:
    delta = None
    if reply.HasField("delta"):
        delta = Delta(reply.delta.target.sha256, reply.delta.target.size_bytes, reply.delta.base_sha256)
    return Offer(Installed(reply.version, reply.target.sha256, serial), reply.target.size_bytes, delta)


def _comparison(found: Comparison) -> updates_pb2.Comparison:
    return updates_pb2.Comparison(
        rollout=found.rollout,
        window_count=found.window_count,
        confidence=found.confidence,
        confidence_before=found.confidence_before,
        feedback_count=found.feedback_count,
        right_count=found.right_count,
        right_count_before=found.right_count_before,
        failure_count=found.failure_count,
        latency_seconds=found.latency_s,
        latency_seconds_before=found.latency_before_s,
    )
