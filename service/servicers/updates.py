"""Updates: what devices call."""

import logging
import re
from asyncio import to_thread
from collections.abc import AsyncIterator, Collection, Sequence
from functools import lru_cache, partial
from typing import Any, TypeAlias

from sqlalchemy.exc import OperationalError

from service import names, relay
from service.blobs import Blobs
from service.catalogue import intake, models, offers
from service.catalogue.engine import Catalogue
from service.catalogue.intake import Item, Seen
from service.catalogue.offers import Asked, Found, Offered
from service.catalogue.records import Artifact
from service.clock import now_us
from service.config import Config
from service.convert import models as convert
from service.convert.reports import told_from
from service.downloads import byte_range
from service.relay import Carried
from service.rounds import Rounds
from service.trust import metadata_file
from service.watch import Watch
from slipway import spread
from slipway.delta import container
from slipway.errors import Reason, Refused
from slipway.spec import check_name
from slipway.v1 import updates_pb2 as pb
from slipway.v1.updates_pb2_grpc import UpdatesServicer

DEFAULT_CHANNEL = "stable"
SHA256 = re.compile(r"[0-9a-f]{64}")
HELD_LIMIT = 8
OFFER_PAUSE_S = 0.02
REPORT_PAUSE_S = 0.1
COMMON = (OperationalError,)  # a catalogue that is busy or full is no device's fault
Hints: TypeAlias = Watch[tuple[str, str], tuple[int, int]]  # of a channel: its moves, and those of rollouts on it

log = logging.getLogger(__name__)


class Updates(UpdatesServicer):
    """Brings versions to devices."""

    def __init__(self, catalogue: Catalogue, blobs: Blobs, watch: Hints, config: Config) -> None:
        self._catalogue = catalogue
        self._offers = Rounds[Asked, Found](lambda asked: catalogue.read(offers.find_all, asked), OFFER_PAUSE_S, COMMON)
        self._inbox = Rounds[Item, None](lambda items: catalogue.write(intake.take, items), REPORT_PAUSE_S, COMMON)
        self._relayed = Rounds[Carried, None](partial(relay.enter, catalogue), REPORT_PAUSE_S, COMMON)
        self._blobs = blobs
        self._watch = watch
        self._chunk_size_bytes = config.chunk_size_bytes
        self._data_folder = config.data_folder

    async def GetMetadata(self, request: pb.GetMetadataRequest, context: Any) -> pb.UpdateMetadata:
        """Say what a channel points at for a device, and the smallest delta to it from a bundle that it holds."""
        model_id, channel_id = _key(request.model, request.channel)
        device_id = check_name(request.device_id, "device_id") if request.device_id else ""
        held, now = _held(request.held_sha256), now_us()
        found = await self._offers.ask(Asked(model_id, channel_id, device_id, held, now))
        if found.is_new:
            await self._inbox.ask(Seen(device_id, model_id, channel_id, now))
        return pb.UpdateMetadata(
            version=found.offered.version,
            target=_target(found.offered.bundle),
            serial=found.serial,
            delta=await self._delta(found.offered, held),
            candidate=await self._candidate(found, held),
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
        """Send a hint now and whenever the channel moves, or a rollout on it does."""
        with self._watch.on(_key(request.model, request.channel)) as serials:
            async for serial, rollout_serial in serials:
                yield _hint(serial, rollout_serial, serials.count)

    async def GetRepositoryFile(self, request: pb.GetRepositoryFileRequest, context: Any) -> pb.RepositoryFile:
        """Send a file of what is signed; a device checks it, whoever sends it."""
        return pb.RepositoryFile(content=await to_thread(metadata_file.read, self._data_folder, request.name))

    async def ReportStatus(self, request: pb.ReportStatusRequest, context: Any) -> pb.ReportStatusResponse:
        """Keep how an update went."""
        await self._inbox.ask(convert.report_from(request, now_us()))
        return pb.ReportStatusResponse()

    async def ReportHealth(self, request: pb.ReportHealthRequest, context: Any) -> pb.ReportHealthResponse:
        """Keep how the model does, and tell the rollout that the device takes part in."""
        await self._inbox.ask(told_from(request, now_us()))
        return pb.ReportHealthResponse()

    async def RelayReport(self, request: pb.RelayReportRequest, context: Any) -> pb.RelayReportResponse:
        """Keep what a device has signed and a gateway carries."""
        await self._relayed.ask(Carried(request, now_us()))
        return pb.RelayReportResponse()

    async def _candidate(self, found: Found, held: Collection[str]) -> pb.Candidate | None:
        if found.candidate is None:
            return None
        return pb.Candidate(
            rollout=found.rollout,
            version=found.candidate.version,
            target=_target(found.candidate.bundle),
            delta=await self._delta(found.candidate, held),
        )

    async def _delta(self, offered: Offered, held: Collection[str]) -> pb.Delta | None:
        """The first that leads from one of ``held`` to the bundle, as its own header says."""
        for each in offered.deltas:
            ends = container.ends(await self._head(each))
            if ends is not None and ends[0] in held and ends[1] == offered.bundle.sha256:
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


@lru_cache(64)
def _hint(serial: int, rollout_serial: int, count: int) -> pb.WatchUpdatesResponse:
    """The same for all who hear it; nobody changes it."""
    return pb.WatchUpdatesResponse(serial=serial, rollout_serial=rollout_serial, spread=spread.length(count))


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
