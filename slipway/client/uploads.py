"""Windows on their way to a server: batches in order, and after a broken line on from what the server has stored."""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slipway.client.convert import sensor_message, to_value
from slipway.client.values import Upload
from slipway.errors import Reason, Refused
from slipway.names import last_part
from slipway.spec import SensorSpec
from slipway.transport import PATIENCE_S, ServerRefused, ServerUnreachable, ask, patiently
from slipway.v1 import datasets_pb2, datasets_pb2_grpc
from slipway.windows import Answers

BATCH_BYTES = 1 << 19  # of values; labels and framing keep a batch well under 1 MiB
WINDOW_LIMIT_BYTES = 3 << 20  # one window must fit into one message of 4 MiB
BREAKS_WITHOUT_PROGRESS = 5

Report = Callable[[int, int], None]  # (windows sent, windows in all)


@dataclass(frozen=True)
class Parcel:
    """Everything one upload sends. ``values`` (count, time, channels), ``labels`` (count,) or (count, outputs)."""

    dataset: str
    upload_id: str
    sensor: SensorSpec
    values: npt.NDArray[np.float32]
    labels: Answers | None


def content_id(dataset: str, values: npt.NDArray[np.float32], labels: Answers | None) -> str:
    """An upload id made from what is sent: the same windows sent again go on, or change nothing."""
    digest = hashlib.sha256(f"{dataset} {values.shape}".encode())
    digest.update(np.ascontiguousarray(values, "<f4").data)
    if labels is not None:
        digest.update(np.ascontiguousarray(labels, "<f4" if labels.ndim == 2 else "<i4").data)
    return str(uuid.UUID(bytes=digest.digest()[:16], version=4))


def send(
    stub: datasets_pb2_grpc.DatasetsStub,
    address: str,
    parcel: Parcel,
    *,
    progress: Report | None = None,
    patience_s: float = PATIENCE_S,
) -> Upload:
    """Send all of ``parcel``; go on after a broken line from what the server has committed.

    Raises:
        Refused: a window too large for one message.
        ServerRefused: the server refused the windows; nothing was added to the dataset.
        ServerUnreachable: the server stayed away for ``patience_s``, or the line broke 5 times without progress.
    """
    _check_size(parcel)
    start, breaks = 0, 0
    while True:
        try:
            upload: Upload = to_value(ask(stub.UploadWindows, _requests(parcel, start, progress), address, None))
            return upload
        except ServerUnreachable:
            stored = patiently(lambda: _committed(stub, address, parcel), patience_s)
            breaks = 0 if stored > start else breaks + 1
            start = stored
            if breaks >= BREAKS_WITHOUT_PROGRESS:
                raise


def _committed(stub: datasets_pb2_grpc.DatasetsStub, address: str, parcel: Parcel) -> int:
    name = f"{parcel.dataset}/uploads/{last_part(parcel.upload_id)}"
    try:
        upload: Upload = to_value(ask(stub.GetUpload, datasets_pb2.GetUploadRequest(name=name), address))
        return upload.committed_count
    except ServerRefused as refusal:
        if refusal.code == "NOT_FOUND":  # the line broke before the header was stored
            return 0
        raise


def _requests(parcel: Parcel, start: int, progress: Report | None) -> Iterator[datasets_pb2.UploadWindowsRequest]:
    count = len(parcel.values)
    header = datasets_pb2.UploadHeader(
        dataset=parcel.dataset,
        upload_id=parcel.upload_id,
        window_count=count,
        sensor=sensor_message(parcel.sensor),
    )
    yield datasets_pb2.UploadWindowsRequest(header=header)
    step = max(1, BATCH_BYTES // max(1, _window_bytes(parcel)))
    for offset in range(start, count, step):
        yield datasets_pb2.UploadWindowsRequest(batch=_batch(parcel, offset, min(count, offset + step)))
        if progress:
            progress(min(count, offset + step), count)


def _batch(parcel: Parcel, first: int, end: int) -> datasets_pb2.WindowBatch:
    values = np.ascontiguousarray(parcel.values[first:end], "<f4").tobytes()
    told = {}
    if parcel.labels is not None:
        told = {"targets" if parcel.labels.ndim == 2 else "labels": parcel.labels[first:end].ravel().tolist()}
    return datasets_pb2.WindowBatch(offset=first, values=values, **told)


def _window_bytes(parcel: Parcel) -> int:
    targets = 0 if parcel.labels is None or parcel.labels.ndim == 1 else parcel.labels.shape[1]
    return 4 * (int(np.prod(parcel.values.shape[1:])) + targets)


def _check_size(parcel: Parcel) -> None:
    size = _window_bytes(parcel)
    if size > WINDOW_LIMIT_BYTES:
        raise Refused(Reason.LIMIT_EXCEEDED, field="values", found=f"{size} bytes a window", limit=WINDOW_LIMIT_BYTES)
