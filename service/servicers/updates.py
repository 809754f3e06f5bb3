"""Updates: what devices call."""

import logging
import re
from asyncio import to_thread
from collections.abc import AsyncIterator, Collection, Sequence
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
from slipway.delta import container
from slipway.errors import Reason, Refused
from slipway.v1 import updates_pb2 as pb
from slipway.v1.updates_pb2_grpc import UpdatesServicer

DEFAULT_CHANNEL = "stable"
SHA256 = re.compile(r"[0-9a-f]{64}")
HELD_LIMIT = 8

log = logging.getLogger(__name__)


class Updates(UpdatesServicer):
    """Brings versions to devices."""

    def __init__(self, catalogue: Catalogue, blobs: Blobs, watch: Watch[tuple[str, str]], config: Config) -> None:
        self._catalogue = catalogue
        self._blobs = blobs
        self._watch = watch
        self._chunk_size_bytes = config.chunk_size_bytes

    async def GetMetadata(self, request: pb.GetMetadataRequest, context: Any) -> pb.UpdateMetadata:
        """Say what a channel points at, and the smallest delta to it from a bundle that the device holds."""
        model_id, channel_id = _key(request.model, request.channel)
        held = _held(request.held_sha256)
        channel, bundle, deltas = await to_thread(self._catalogue.read, _pointed_at, model_id, channel_id, held)
        return pb.UpdateMetadata(
            version=names.version_name(channel.model_id, channel.number),
            target=_target(bundle),
            serial=channel.serial,
            delta=await self._delta(deltas, held, bundle),
        )

    async def DownloadTarget(
        self, request: pb.DownloadTargetRequest, context: Any
    ) -> AsyncIterator[pb.DownloadTargetResponse]:
        """Send a range of a bundle or of a delta."""
        _check_hash(request.sha256, "sha256", "Send Target.sha256 of GetMetadata.")
        target = await to_thread(self._catalogue.read, models.target, request.sha256)
        start, end = byte_range(target.size_bytes, request.read_offset, request.read_limit)
        async for offset, data in self._blobs.read(target.sha256, start, end, self._chunk_size_bytes):
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

    async def _delta(self, deltas: Sequence[Artifact], held: Collection[str], bundle: Artifact) -> pb.Delta | None:
        """The first that leads from one of ``held`` to ``bundle``, as its own header says."""
        for each in deltas:
            ends = container.ends(await self._head(each))
            if ends is not None and ends[0] in held and ends[1] == bundle.sha256:
                return pb.Delta(target=_target(each), base_sha256=ends[0])
        return None

    async def _head(self, delta: Artifact) -> bytes:
        """The first bytes of a delta; none where the file is damaged: the bundle is there all the same."""
        end = min(container.HEADER_BYTES, delta.size_bytes)
        try:
            return b"".join([data async for _, data in self._blobs.read(delta.sha256, 0, end, self._chunk_size_bytes)])
        except Exception as error:  # each store has its own
            log.warning("the delta %s cannot be read: %s", delta.sha256, error)
            return b""


def _key(model: str, channel: str) -> tuple[str, str]:
    model_id = names.model_id(model, "model")
    return names.channel_key(f"models/{model_id}/channels/{channel or DEFAULT_CHANNEL}", "channel")


def _held(hashes: Sequence[str]) -> tuple[str, ...]:
    if len(hashes) > HELD_LIMIT:
        raise Refused(Reason.LIMIT_EXCEEDED, field="held_sha256", found=f"{len(hashes)} hashes", limit=HELD_LIMIT)
    for index, sha256 in enumerate(hashes):
        _check_hash(sha256, f"held_sha256[{index}]", "Send the SHA-256 of bundles as GetMetadata gave them.")
    return tuple(hashes)


def _check_hash(sha256: str, field: str, remedy: str) -> None:
    if not SHA256.fullmatch(sha256):
        words = {"problem": "needs 64 lower-case hexadecimal digits", "found": repr(sha256)}
        raise Refused(Reason.FIELD_INVALID, field=field, **words, remedy=remedy)


def _target(artifact: Artifact) -> pb.Target:
    return pb.Target(sha256=artifact.sha256, size_bytes=artifact.size_bytes)


def _pointed_at(
    connection: Connection, model_id: str, channel_id: str, held: Collection[str]
) -> tuple[ModelChannel, Artifact, list[Artifact]]:
    """(channel, bundle, deltas shorter than the bundle that fit ``held``, the smallest first)."""
    channel = channels.get(connection, model_id, channel_id, "model")
    bundle = models.artifact(connection, model_id, channel.number, models.BUNDLE, "model")
    if bundle.sha256 in held:  # nothing needs to travel
        return channel, bundle, []
    deltas = models.deltas(connection, model_id, channel.number, held)
    return channel, bundle, [each for each in deltas if each.size_bytes < bundle.size_bytes]
