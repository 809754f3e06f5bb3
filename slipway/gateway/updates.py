"""``slipway.v1.Updates`` as devices know it; what they get they judge by its signatures and hashes."""

import re
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import grpc

from slipway.errors import Reason, Refused
from slipway.gateway import offers, reports
from slipway.gateway.files import Away, Files
from slipway.gateway.hints import Hints
from slipway.gateway.ledger import Ledger
from slipway.gateway.peers import check_owner, peer_id
from slipway.gateway.policy import Limits
from slipway.gateway.rim import answering, streaming
from slipway.gateway.targets import Targets
from slipway.gateway.upstream import Upstream
from slipway.transport import ServerRefused, ServerUnreachable
from slipway.v1 import updates_pb2 as pb
from slipway.v1.updates_pb2_grpc import UpdatesServicer

HASH = re.compile(r"[0-9a-f]{64}")
CHANNEL_FRESH_US = 60 * 1_000_000


class Updates(UpdatesServicer):
    """Relays, keeps, and answers from what it kept.

    Args:
        wake: called when a report waits to be sent on.
        clock: microseconds since 1970.
    """

    def __init__(
        self,
        ledger: Ledger,
        upstream: Upstream,
        targets: Targets,
        files: Files,
        hints: Hints,
        limits: Limits,
        wake: Callable[[], None],
        clock: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._upstream = upstream
        self._targets = targets
        self._files = files
        self._hints = hints
        self._limits = limits
        self._wake = wake
        self._clock = clock
        self._channels_asked: dict[tuple[str, str], int] = {}

    @answering
    async def GetMetadata(self, request: pb.GetMetadataRequest, context: Any) -> pb.UpdateMetadata:
        """What the server says to this device; while it is away, what it said last."""
        key = offers.key(request)
        if request.device_id:
            check_owner(context, request.device_id, "device_id")
        held = frozenset(request.held_sha256)
        try:
            answer = await self._upstream.metadata(request)
        except Away as error:
            known = await to_thread(self._ledger.run, offers.last_known, key)
            if known is None:
                raise Refused(Reason.SERVER_AWAY, field="model", name=f"{key[0]}, {key[1]}", problem=error) from error
            return offers.for_holder(pb.UpdateMetadata.FromString(known), held)
        await self._remember(key, answer)
        if request.device_id:
            await self._ask_channel(key)
        return answer

    @streaming
    async def DownloadTarget(
        self, request: pb.DownloadTargetRequest, context: Any
    ) -> AsyncIterator[pb.DownloadTargetResponse]:
        """A range of a target, from the disk or as it comes."""
        if not HASH.fullmatch(request.sha256):
            words = {"problem": "needs 64 lower-case hexadecimal digits", "found": repr(request.sha256)}
            remedy = "Send Target.sha256 of GetMetadata."
            raise Refused(Reason.FIELD_INVALID, field="sha256", **words, remedy=remedy)
        for field, value in (("read_offset", request.read_offset), ("read_limit", request.read_limit)):
            if value < 0:
                remedy = "Send 0 or a positive number of bytes."
                raise Refused(Reason.FIELD_INVALID, field=field, problem="needs 0 or more", found=value, remedy=remedy)
        pieces = self._targets.read(request.sha256, request.read_offset, request.read_limit)
        try:
            async with aclosing(pieces):  # type: ignore[type-var]
                async for offset, data in pieces:
                    yield pb.DownloadTargetResponse(offset=offset, data=data)
        except ServerUnreachable as error:
            name = f"target {request.sha256[:12]}"
            raise Refused(Reason.SERVER_AWAY, field="sha256", name=name, problem=error.message) from error
        except ServerRefused as error:
            raise _of_target(error, request.sha256) from error

    @streaming
    async def WatchUpdates(
        self, request: pb.WatchUpdatesRequest, context: Any
    ) -> AsyncIterator[pb.WatchUpdatesResponse]:
        """Hints about a channel."""
        async with aclosing(self._hints.follow(offers.channel_key(request.model, request.channel))) as hints:
            async for hint in hints:
                yield hint

    @answering
    async def GetRepositoryFile(self, request: pb.GetRepositoryFileRequest, context: Any) -> pb.RepositoryFile:
        """A file of the signed metadata."""
        content = await self._files.get(request.name)
        if content is None:
            raise Refused(Reason.TARGET_NOT_FOUND, field="name", name=request.name)
        return pb.RepositoryFile(content=content)

    @answering
    async def RelayReport(self, request: pb.RelayReportRequest, context: Any) -> pb.RelayReportResponse:
        """Keep a signed report until the server has it."""
        device_id = reports.owner(request)
        check_owner(context, device_id, "report.device_id")
        await to_thread(self._ledger.run, reports.keep, device_id, request, self._limits, self._clock())
        self._wake()
        return pb.RelayReportResponse()

    @answering
    async def ReportStatus(self, request: pb.ReportStatusRequest, context: Any) -> pb.ReportStatusResponse:
        """Hand an unsigned report on; the device keeps it while the server is away."""
        _need_no_signature(context, request.device_id)
        try:
            return await self._upstream.status(request)
        except Away as error:
            raise _report_waits(error) from error

    @answering
    async def ReportHealth(self, request: pb.ReportHealthRequest, context: Any) -> pb.ReportHealthResponse:
        """As ``ReportStatus``."""
        _need_no_signature(context, request.device_id)
        try:
            return await self._upstream.health(request)
        except Away as error:
            raise _report_waits(error) from error

    async def _remember(self, key: offers.Key, answer: pb.UpdateMetadata) -> None:
        data = offers.check(answer)
        if await to_thread(self._ledger.run, offers.known, key) != data:
            await to_thread(self._ledger.run, offers.remember, key, data, self._limits, self._clock())

    async def _ask_channel(self, key: offers.Key) -> None:
        """Have an answer for devices that come for the first time while the server is away."""
        channel, now = (key[0], key[1]), self._clock()
        if 0 <= now - self._channels_asked.get(channel, 0) < CHANNEL_FRESH_US:
            return
        if len(self._channels_asked) >= self._limits.watch_count:
            self._channels_asked.clear()
        self._channels_asked[channel] = now
        try:
            answer = await self._upstream.metadata(pb.GetMetadataRequest(model=channel[0], channel=channel[1]))
        except (Away, grpc.aio.AioRpcError):
            return  # the device has its answer
        await self._remember((*channel, ""), answer)


def _need_no_signature(context: Any, device_id: str) -> None:
    """Where devices have certificates the server believes them only, and they are told so at once."""
    if peer_id(context) is not None:
        problem = "a gateway cannot speak for it"
        raise Refused(Reason.REPORT_NOT_SIGNED, field="report", name=device_id, problem=problem)


def _report_waits(error: Away) -> Refused:
    return Refused(Reason.SERVER_AWAY, field="report", name="place for unsigned reports", problem=error)


def _of_target(error: ServerRefused, sha256: str) -> Refused:
    if error.code == "NOT_FOUND":
        return Refused(Reason.TARGET_NOT_FOUND, field="sha256", name=sha256)
    return Refused(Reason.DOWNLOAD_FAILED, field="sha256", name=sha256, problem=error.message)
