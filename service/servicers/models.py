"""Models, their versions and channels."""

from asyncio import to_thread
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from service import names, pages
from service.blobs import Blobs
from service.catalogue import channels, jobs, models
from service.catalogue.engine import Catalogue
from service.catalogue.records import Artifact, JobArtifact
from service.clock import now_us
from service.config import Config
from service.convert import models as convert
from service.convert.common import need, text
from service.convert.jobs import job_to
from service.downloads import byte_range
from service.imports import Imports
from slipway.errors import Reason, Refused
from slipway.v1 import jobs_pb2
from slipway.v1 import models_pb2 as pb
from slipway.v1.models_pb2_grpc import ModelsServicer


class Models(ModelsServicer):
    """The catalogue of what was learned."""

    def __init__(self, catalogue: Catalogue, blobs: Blobs, config: Config) -> None:
        self._catalogue = catalogue
        self._blobs = blobs
        self._chunk_size_bytes = config.chunk_size_bytes
        self._imports = Imports(catalogue, blobs, config)

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.Model:
        """Return one model."""
        model_id = names.model_id(request.name, "name")
        return convert.model_to(await to_thread(self._catalogue.read, models.model, model_id))

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:
        """List models by name."""
        limit, after = pages.size(request.page_size), pages.after(request.page_token, "models")
        rows = await to_thread(self._catalogue.read, models.model_page, after, limit + 1)
        page, token = pages.page(rows, limit, "models", lambda row: row.id, convert.model_to)
        return pb.ListModelsResponse(models=page, next_page_token=token)

    async def GetVersion(self, request: pb.GetVersionRequest, context: Any) -> pb.Version:
        """Return one version."""
        model_id, number = names.version_key(request.name, "name")
        return convert.version_to(await to_thread(self._catalogue.read, models.version, model_id, number))

    async def ListVersions(self, request: pb.ListVersionsRequest, context: Any) -> pb.ListVersionsResponse:
        """List a model's versions, newest first."""
        model_id, scope = names.model_id(request.parent, "parent"), f"{request.parent}/versions"
        limit, after = pages.size(request.page_size), pages.after_number(request.page_token, scope)
        rows = await to_thread(self._catalogue.read, models.version_page, model_id, after, limit + 1)
        page, token = pages.page(rows, limit, scope, lambda row: str(row.number), convert.version_to)
        return pb.ListVersionsResponse(versions=page, next_page_token=token)

    async def GetChannel(self, request: pb.GetChannelRequest, context: Any) -> pb.ModelChannel:
        """Return one channel with its history."""
        model_id, channel_id = names.channel_key(request.name, "name")
        return convert.channel_to(await to_thread(self._catalogue.read, channels.get, model_id, channel_id))

    async def ListChannels(self, request: pb.ListChannelsRequest, context: Any) -> pb.ListChannelsResponse:
        """List a model's channels by name."""
        model_id, scope = names.model_id(request.parent, "parent"), f"{request.parent}/channels"
        limit, after = pages.size(request.page_size), pages.after(request.page_token, scope)
        rows = await to_thread(self._catalogue.read, channels.page, model_id, after, limit + 1)
        page, token = pages.page(rows, limit, scope, lambda row: row.id, convert.channel_to)
        return pb.ListChannelsResponse(channels=page, next_page_token=token)

    async def UpdateChannel(self, request: pb.UpdateChannelRequest, context: Any) -> pb.ModelChannel:
        """Point a channel at a version."""
        need(request, "channel", "channel")
        model_id, channel_id = names.channel_key(request.channel.name, "channel.name")
        owner, number = names.version_key(request.channel.version, "channel.version")
        if owner != model_id:
            words = {"problem": f"needs a version of models/{model_id}", "found": request.channel.version}
            remedy = "A channel points at versions of its own model only."
            raise Refused(Reason.FIELD_INVALID, field="channel.version", **words, remedy=remedy)
        etag = text(request.channel.etag, "channel.etag")
        move = partial(channels.point, etag_seen=etag, allow_missing=request.allow_missing, now_us=now_us())
        return convert.channel_to(await to_thread(self._catalogue.write, move, model_id, channel_id, number))

    async def ImportModel(self, requests: AsyncIterator[pb.ImportModelRequest], context: Any) -> jobs_pb2.Job:
        """Take in a graph from elsewhere and enter the job that makes a version of it."""
        header = await convert.import_header_from(requests)
        return job_to(await self._imports.receive(header, convert.pieces_from(requests)))

    async def DownloadArtifact(
        self, request: pb.DownloadArtifactRequest, context: Any
    ) -> AsyncIterator[pb.DownloadArtifactResponse]:
        """Send a range of a file."""
        artifact = await to_thread(self._artifact, request.name)
        start, end = byte_range(artifact.size_bytes, request.read_offset, request.read_limit)
        async for offset, data in self._blobs.read(artifact.sha256, start, end, self._chunk_size_bytes):
            yield pb.DownloadArtifactResponse(offset=offset, data=data)

    def _artifact(self, name: str) -> Artifact | JobArtifact:
        """The file of a version or of a job."""
        if name.startswith("jobs/"):
            return self._catalogue.read(jobs.artifact, *names.job_artifact_key(name, "name"))
        return self._catalogue.read(models.artifact, *names.artifact_key(name, "name"))
