"""The client's calls about what was learned."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slipway import ranged
from slipway.client import files, imports
from slipway.client.convert import to_value
from slipway.client.pages import every
from slipway.client.values import Artifact, Job, Model, ModelChannel, Version
from slipway.names import channel_name, last_part, model_name, version_name
from slipway.spec import TaskSpec
from slipway.transport import PATIENCE_S, ask, patiently
from slipway.v1 import models_pb2, models_pb2_grpc


class Models:
    """Calls of ``slipway.v1.Models``. Every method raises ``ServerRefused`` or ``ServerUnreachable``."""

    def __init__(self, channel: object, address: str) -> None:
        self._channel = channel
        self._stub = models_pb2_grpc.ModelsStub(channel)
        self._address = address

    def get(self, name: str) -> Model:
        """One model."""
        model: Model = to_value(
            ask(self._stub.GetModel, models_pb2.GetModelRequest(name=model_name(name)), self._address)
        )
        return model

    def list(self) -> Iterator[Model]:
        """All models by name, fetched page by page."""
        return every(self._stub.ListModels, models_pb2.ListModelsRequest, "models", self._address)

    def version(self, name: str) -> Version:
        """One version, named "models/rover/versions/3" or "rover/3"."""
        request = models_pb2.GetVersionRequest(name=version_name(name))
        version: Version = to_value(ask(self._stub.GetVersion, request, self._address))
        return version

    def versions(self, model: str) -> Iterator[Version]:
        """A model's versions, newest first."""
        parent = model_name(model)
        return every(self._stub.ListVersions, models_pb2.ListVersionsRequest, "versions", self._address, parent=parent)

    def channel(self, model: str, channel: str = "stable") -> ModelChannel:
        """One channel with its history."""
        request = models_pb2.GetChannelRequest(name=channel_name(model, channel))
        value: ModelChannel = to_value(ask(self._stub.GetChannel, request, self._address))
        return value

    def channels(self, model: str) -> Iterator[ModelChannel]:
        """A model's channels by name."""
        parent = model_name(model)
        return every(self._stub.ListChannels, models_pb2.ListChannelsRequest, "channels", self._address, parent=parent)

    def set_channel(
        self, model: str, channel: str, version: str, *, etag: str = "", create: bool = True
    ) -> ModelChannel:
        """Point a channel at a version that devices can run.

        Args:
            etag: of the channel you have seen; if it has moved since, the server refuses with ABORTED.
            create: make the channel if it does not exist.
        """
        target = models_pb2.ModelChannel(name=channel_name(model, channel), version=version_name(version), etag=etag)
        request = models_pb2.UpdateChannelRequest(channel=target, allow_missing=create)
        value: ModelChannel = to_value(ask(self._stub.UpdateChannel, request, self._address))
        return value

    def import_model(
        self,
        model: str,
        file: str | Path,
        task: TaskSpec,
        *,
        layout: str = "",
        request_id: str | None = None,
        progress: imports.Report | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Job:
        """Send an ONNX file that was made elsewhere; the job makes a version of ``model`` of it. See docs/importing.md.

        A broken line is opened again; the same ``request_id`` again returns the same job.

        Args:
            task: what the graph answers.
            layout: of its input: "time_channels", "channels_time", or "": as its shape says.
            progress: called with (bytes sent, bytes in all).
            patience_s: how long the server may stay away.

        Raises:
            Refused: an unknown layout, an empty file, or one over the limit of bundles.
        """
        data, spec = imports.content_of(Path(file)), imports.spec_of(last_part(model), task, layout)
        chosen = request_id or str(uuid.uuid4())

        def send() -> Job:
            requests = imports.requests(spec, data, chosen, progress)
            created: Job = to_value(ask(self._stub.ImportModel, requests, self._address, None))
            return created

        return patiently(send, patience_s)

    def download_artifact(
        self,
        name: str,
        path: str | Path,
        *,
        progress: ranged.Report | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Artifact:
        """Fetch a file of a version to ``path``, which appears only when it is whole and its SHA-256 is right.

        What came stays beside it as ``<path>.<hash>.part``, so that a broken download goes on at any byte.

        Args:
            name: "models/rover/versions/3/artifacts/bundle" or "rover/3/bundle".

        Raises:
            Refused: DOWNLOAD_INVALID or BUNDLE_HASH_MISMATCH; FIELD_INVALID for a name that the version lacks.
        """
        artifact = self._artifact(name)
        files.download(self._channel, self._address, artifact, path, progress=progress, patience_s=patience_s)
        return artifact

    def receipt(self, version: str, *, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """How an adapted version came about, as JSON values; what they mean: docs/receipts.md.

        Raises:
            Refused: FIELD_INVALID for a version without one: a base.
        """
        found = self._artifact(f"{version_name(version)}/artifacts/{files.RECEIPT}")
        return files.document(self._channel, self._address, found, patience_s=patience_s)

    def _artifact(self, name: str) -> Artifact:
        head, _, artifact_id = name.rpartition("/")
        version = self.version(head.removesuffix("/artifacts"))
        remedy = "Choose one of these, or run an export job first."
        return files.find(artifact_id, version.artifacts, version.name, remedy)
