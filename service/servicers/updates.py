"""Updates: what devices call."""

import re
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from sqlalchemy import Connection

from service import names
from service.blobs import Blobs
from service.catalogue import channels, models, reports
from service.catalogue.engine import Catalogue
from service.catalogue.records import Artifact, ModelChannel
from service.clock import now_us
from service.config import Config
from service.convert import models as convert
from service.downloads import byte_range
from service.watch import Watch
from slipway.errors import Reason, Refused
from slipway.v1 import updates_pb2 as pb
from slipway.v1.updates_pb2_grpc import UpdatesServicer

DEFAULT_CHANNEL = "stable"
SHA256 = re.compile(r"[0-9a-f]{64}")


class Updates(UpdatesServicer):
    """Brings versions to devices."""

    def __init__(self, catalogue: Catalogue, blobs: Blobs, watch: Watch[tuple[str, str]], config: Config) -> None:
        self._catalogue = catalogue
        self._blobs = blobs
        self._watch = watch
        self._chunk_size_bytes = config.chunk_size_bytes

    async def GetMetadata(self, request: pb.GetMetadataRequest, context: Any) -> pb.UpdateMetadata:
        """Say what a channel points at."""
        model_id, channel_id = _key(request.model, request.channel)
        channel, bundle = await to_thread(self._catalogue.read, _pointed_at, model_id, channel_id)
        return pb.UpdateMetadata(
            version=names.version_name(channel.model_id, channel.number),
            target=pb.Target(sha256=bundle.sha256, size_bytes=bundle.size_bytes),
            serial=channel.serial,
        )

    async def DownloadTarget(
        self, request: pb.DownloadTargetRequest, context: Any
    ) -> AsyncIterator[pb.DownloadTargetResponse]:
        """Send a range of a bundle."""
        if not SHA256.fullmatch(request.sha256):
            words = {"problem": "needs 64 lower-case hexadecimal digits", "found": repr(request.sha256)}
            raise Refused(Reason.FIELD_INVALID, field="sha256", **words, remedy="Send Target.sha256 of GetMetadata.")
        bundle = await to_thread(self._catalogue.read, models.target, request.sha256)
        start, end = byte_range(bundle.size_bytes, request.read_offset, request.read_limit)
        async for offset, data in self._blobs.read(bundle.sha256, start, end, self._chunk_size_bytes):
            yield pb.DownloadTargetResponse(offset=offset, data=data)

    async def WatchUpdates(
        self, request: pb.WatchUpdatesRequest, context: Any
    ) -> AsyncIterator[pb.WatchUpdatesResponse]:
        """Send a hint now and whenever the channel moves."""
        async with aclosing(self._watch.revisions(_key(request.model, request.channel))) as serials:
            async for serial in serials:
                yield pb.WatchUpdatesResponse(serial=serial)

    async def ReportStatus(self, request: pb.ReportStatusRequest, context: Any) -> pb.ReportStatusResponse:
        """Keep how an update went."""
        await to_thread(self._catalogue.write, reports.add, convert.report_from(request, now_us()))
        return pb.ReportStatusResponse()


def _key(model: str, channel: str) -> tuple[str, str]:
    model_id = names.model_id(model, "model")
    return names.channel_key(f"models/{model_id}/channels/{channel or DEFAULT_CHANNEL}", "channel")


def _pointed_at(connection: Connection, model_id: str, channel_id: str) -> tuple[ModelChannel, Artifact]:
    channel = channels.get(connection, model_id, channel_id, "model")
    return channel, models.artifact(connection, model_id, channel.number, models.BUNDLE, "model")
