"""The device's line to its server: ``slipway.v1.Updates`` as plain values, with limits on all that comes in."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.bundle.archive import BUNDLE_LIMIT_BYTES
from slipway.edge.state import HASH, Installed, Report
from slipway.errors import Reason, Refused
from slipway.transport import ask, open_channel, read_stream
from slipway.v1 import updates_pb2, updates_pb2_grpc

DOWNLOAD_DEADLINE_S = 300.0  # a slower stream is opened again from where it stands
SERIAL_LIMIT = 1 << 53  # JSON readers keep whole numbers up to here
MESSAGE_LIMIT_CHARS = 500
VERSION = re.compile(r"models/[a-z][a-z0-9_-]{0,62}/versions/[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class Delta:
    """A file that makes the bundle ``base_sha256`` into an offered one. As the server said it: see ``check_delta``."""

    sha256: str
    size_bytes: int
    base_sha256: str


@dataclass(frozen=True)
class Offer:
    """What a channel points at, how long its bundle is, and a smaller way to it where the server knows one."""

    version: Installed
    size_bytes: int
    delta: Delta | None = None


class Remote:
    """One server. Every method raises ``ServerRefused`` or ``ServerUnreachable``."""

    def __init__(self, address: str, credentials: Any = None) -> None:
        self.address = address
        self._channel = open_channel(address, credentials)
        self._stub = updates_pb2_grpc.UpdatesStub(self._channel)

    def offer(self, model: str, channel: str, held: Sequence[str] = ()) -> Offer:
        """What ``channel`` of ``model`` points at now.

        Args:
            held: SHA-256 of bundles that a delta may start from; a server that knows no deltas overlooks them.

        Raises:
            Refused: FIELD_INVALID or LIMIT_EXCEEDED for an answer that cannot be true.
        """
        request = updates_pb2.GetMetadataRequest(model=model, channel=channel, held_sha256=held)
        reply = ask(self._stub.GetMetadata, request, self.address)
        _need(VERSION.fullmatch(reply.version) and reply.version.startswith(f"{model}/"), "version", reply.version)
        _need(HASH.fullmatch(reply.target.sha256), "target.sha256", reply.target.sha256)
        _need(0 <= reply.serial <= SERIAL_LIMIT, "serial", reply.serial)
        size = reply.target.size_bytes
        if not 0 < size <= BUNDLE_LIMIT_BYTES:
            raise Refused(Reason.LIMIT_EXCEEDED, field="target.size_bytes", found=size, limit=BUNDLE_LIMIT_BYTES)
        delta = None
        if reply.HasField("delta"):
            delta = Delta(reply.delta.target.sha256, reply.delta.target.size_bytes, reply.delta.base_sha256)
        return Offer(Installed(reply.version, reply.target.sha256, reply.serial), size, delta)

    def pieces(self, sha256: str, offset: int) -> Iterator[tuple[int, bytes]]:
        """The bytes of a target or a delta from ``offset`` on, as (offset, data)."""
        request = updates_pb2.DownloadTargetRequest(sha256=sha256, read_offset=offset)
        for piece in read_stream(self._stub.DownloadTarget, request, self.address, DOWNLOAD_DEADLINE_S):
            yield piece.offset, piece.data

    def hints(self, model: str, channel: str) -> Iterator[int]:
        """The channel's serial now and whenever it moves."""
        request = updates_pb2.WatchUpdatesRequest(model=model, channel=channel)
        for hint in read_stream(self._stub.WatchUpdates, request, self.address):
            yield hint.serial

    def report(self, device_id: str, report: Report) -> None:
        """Tell how an update went."""
        request = updates_pb2.ReportStatusRequest(
            device_id=device_id,
            version=report.version,
            state=report.state,
            reason=report.reason,
            message=report.message[:MESSAGE_LIMIT_CHARS],
        )
        ask(self._stub.ReportStatus, request, self.address)

    def close(self) -> None:
        """End every call, also one that another thread waits on."""
        self._channel.close()


def check_delta(delta: Delta, held: Sequence[str], bundle_bytes: int) -> None:
    """Refuse a delta that cannot be one for a device that holds ``held``, or that is no shorter than the bundle.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED.
    """
    _need(HASH.fullmatch(delta.sha256), "delta.target.sha256", delta.sha256)
    _need(delta.base_sha256 in held, "delta.base_sha256", delta.base_sha256)
    _need(delta.size_bytes > 0, "delta.target.size_bytes", delta.size_bytes)
    if delta.size_bytes >= bundle_bytes:
        field, limit = "delta.target.size_bytes", bundle_bytes - 1
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=delta.size_bytes, limit=limit)


def _need(good: object, field: str, found: object) -> None:
    if not good:
        remedy = "Check which server this address belongs to."
        problem = "the server's answer makes no sense"
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=repr(found), remedy=remedy)
