"""Models, versions, artifacts, channels, graphs from elsewhere and device reports."""

import re
from collections.abc import AsyncIterator

from service.catalogue.channels import etag
from service.catalogue.records import Artifact, Model, ModelChannel, Version
from service.catalogue.reports import Report
from service.convert.adaptation import decision_to
from service.convert.common import need, request_key, text, timestamp
from service.convert.devices import import_from
from service.convert.jobs import progress_to
from service.convert.spec import task_to
from service.imports import Header
from service.names import version_key, version_name
from slipway.bundle.archive import BUNDLE_LIMIT_BYTES
from slipway.errors import Reason, Refused
from slipway.spec import check_name
from slipway.v1 import models_pb2, spec_pb2, updates_pb2

MESSAGE_LIMIT_CHARS = 500
REASON_LIMIT_CHARS = 63
SHA256 = re.compile(r"[0-9a-f]{64}")


def model_to(model: Model) -> models_pb2.Model:
    """Write a model."""
    return models_pb2.Model(
        name=f"models/{model.id}",
        task=task_to(model.task),
        latest_version=version_name(model.id, model.latest),
        create_time=timestamp(model.create_us),
    )


def version_to(version: Version) -> models_pb2.Version:
    """Write a version."""
    return models_pb2.Version(
        name=version_name(version.model_id, version.number),
        lineage=_lineage_to(version),
        artifacts=[artifact_to(each) for each in version.artifacts],
        parameter_count=version.parameter_count,
        history=[progress_to(point) for point in version.history],
        create_time=timestamp(version.create_us),
    )


def artifact_to(artifact: Artifact) -> spec_pb2.Artifact:
    """Write a file of a version."""
    name = f"{version_name(artifact.model_id, artifact.number)}/artifacts/{artifact.id}"
    return spec_pb2.Artifact(name=name, sha256=artifact.sha256, size_bytes=artifact.size_bytes)


def channel_to(channel: ModelChannel) -> models_pb2.ModelChannel:
    """Write a channel."""
    history = [
        models_pb2.ChannelMove(version=version_name(channel.model_id, move.number), time=timestamp(move.time_us))
        for move in channel.moves
    ]
    return models_pb2.ModelChannel(
        name=f"models/{channel.model_id}/channels/{channel.id}",
        version=version_name(channel.model_id, channel.number),
        etag=etag(channel),
        history=history,
    )


async def import_header_from(requests: AsyncIterator[models_pb2.ImportModelRequest]) -> Header:
    """Read the first message of a graph's stream.

    Raises:
        Refused: with the field that is missing or wrong.
    """
    async for request in requests:
        need(request, "header", "header")
        return _import_header(request.header)
    raise Refused(Reason.FIELD_REQUIRED, field="header")


async def pieces_from(requests: AsyncIterator[models_pb2.ImportModelRequest]) -> AsyncIterator[bytes]:
    """Read the other messages of a graph's stream.

    Raises:
        Refused: FIELD_REQUIRED or FIELD_INVALID, for anything but bytes.
    """
    async for request in requests:
        if request.HasField("header"):
            words = {"problem": "is sent once, first", "found": "a second header", "remedy": "Send data after it."}
            raise Refused(Reason.FIELD_INVALID, field="header", **words)
        if not request.data:
            raise Refused(Reason.FIELD_REQUIRED, field="data")
        yield request.data


def report_from(request: updates_pb2.ReportStatusRequest, now_us: int) -> Report:
    """Read a device's report.

    Raises:
        Refused: with the field that is missing or wrong.
    """
    check_name(request.device_id, "device_id")
    states = updates_pb2.ReportStatusRequest.State
    if not request.state:
        raise Refused(Reason.FIELD_REQUIRED, field="state")
    if request.state not in states.values():
        words = {"problem": f"needs one of {', '.join(states.keys())}", "found": request.state}
        raise Refused(Reason.FIELD_INVALID, field="state", **words, remedy="Send one of these.")
    reason = text(request.reason, "reason", limit=REASON_LIMIT_CHARS)
    message = text(request.message, "message", limit=MESSAGE_LIMIT_CHARS)
    model_id, number = version_key(request.version, "version")
    return Report(request.device_id, model_id, number, states.Name(request.state), reason, message, now_us)


def _import_header(header: models_pb2.ImportHeader) -> Header:
    need(header, "spec", "header.spec")
    spec = import_from(header.spec, "header.spec")
    if header.size_bytes < 1:
        words = {"problem": "needs 1 or more", "found": header.size_bytes, "remedy": "Send the length of the file."}
        raise Refused(Reason.FIELD_INVALID, field="header.size_bytes", **words)
    if header.size_bytes > BUNDLE_LIMIT_BYTES:
        limits = {"found": header.size_bytes, "limit": BUNDLE_LIMIT_BYTES}
        raise Refused(Reason.LIMIT_EXCEEDED, field="header.size_bytes", **limits)
    if not SHA256.fullmatch(header.sha256):
        words = {"problem": "needs 64 lower-case hexadecimal digits", "found": repr(header.sha256[:80])}
        raise Refused(Reason.FIELD_INVALID, field="header.sha256", **words, remedy="Send the SHA-256 of the file.")
    return Header(spec, header.size_bytes, header.sha256, request_key(header, header.request_id))


def _lineage_to(version: Version) -> models_pb2.Lineage:
    lineage = version.lineage
    message = models_pb2.Lineage(
        job=f"jobs/{version.job_id}",
        parent=lineage.parent,
        data=[models_pb2.DataReference(**vars(each)) for each in lineage.data],
        prior_json=lineage.prior_json,
        method=lineage.method,
        seed=lineage.seed,
    )
    if lineage.decision is not None:
        message.decision.CopyFrom(decision_to(lineage.decision))
    return message
