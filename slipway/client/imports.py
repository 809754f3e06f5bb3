"""Graphs from elsewhere on their way to a server."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from slipway.bundle.archive import BUNDLE_LIMIT_BYTES
from slipway.client.convert import channel_messages, sensor_message
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.v1 import jobs_pb2, models_pb2, spec_pb2

PIECE_BYTES = 256 << 10
LAYOUTS = {"": "LAYOUT_UNSPECIFIED", "time_channels": "TIME_CHANNELS", "channels_time": "CHANNELS_TIME"}

Report = Callable[[int, int], None]  # (bytes sent, bytes in all)


def content_of(file: Path) -> bytes:
    """The bytes of a file that a server may take.

    Raises:
        Refused: LIMIT_EXCEEDED, or FIELD_INVALID for an empty file.
        OSError: it cannot be read.
    """
    size = file.stat().st_size
    if size > BUNDLE_LIMIT_BYTES:
        raise Refused(Reason.LIMIT_EXCEEDED, field="file", found=f"{size} bytes", limit=BUNDLE_LIMIT_BYTES)
    if not size:
        words = {"problem": "is empty", "found": file.name, "remedy": "Name an ONNX file."}
        raise Refused(Reason.FIELD_INVALID, field="file", **words)
    return file.read_bytes()


def spec_of(model_id: str, task: TaskSpec, layout: str) -> jobs_pb2.ImportSpec:
    """What to make of a graph.

    Raises:
        Refused: FIELD_INVALID, an unknown layout.
    """
    if layout not in LAYOUTS:
        remedy = 'Use "time_channels", "channels_time" or "".'
        raise Refused(Reason.FIELD_INVALID, field="layout", problem="is not known", found=repr(layout), remedy=remedy)
    return jobs_pb2.ImportSpec(model_id=model_id, task=_task_message(task), layout=LAYOUTS[layout])


def requests(
    spec: jobs_pb2.ImportSpec, data: bytes, request_id: str, progress: Report | None
) -> Iterator[models_pb2.ImportModelRequest]:
    """A header, then the file in order."""
    header = models_pb2.ImportHeader(
        spec=spec, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), request_id=request_id
    )
    yield models_pb2.ImportModelRequest(header=header)
    for first in range(0, len(data), PIECE_BYTES):
        end = min(first + PIECE_BYTES, len(data))
        yield models_pb2.ImportModelRequest(data=data[first:end])
        if progress:
            progress(end, len(data))


def _task_message(task: TaskSpec) -> spec_pb2.TaskSpec:
    return spec_pb2.TaskSpec(
        name=task.name,
        sensor=sensor_message(task.sensor),
        classes=task.classes,
        outputs=channel_messages(task.outputs),
    )
