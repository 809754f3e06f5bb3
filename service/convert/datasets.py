"""Datasets and uploads."""

from collections.abc import AsyncIterator

from service.batches import Batch
from service.catalogue.records import Dataset, NewDataset, Upload
from service.convert import spec
from service.convert.common import need, text, timestamp
from service.names import dataset_id, uuid_text
from service.uploads import Header
from slipway.errors import Reason, Refused
from slipway.spec import Channel, SensorSpec, TaskSpec, check_name
from slipway.v1 import datasets_pb2

HEADER_ROOM_BYTES = 64 << 10  # what a batch may need beside its values


def new_dataset(request: datasets_pb2.CreateDatasetRequest, message_limit_bytes: int) -> NewDataset:
    """The dataset to create.

    Raises:
        Refused: with the field that is missing or wrong.
    """
    check_name(request.dataset_id, "dataset_id")
    need(request, "dataset", "dataset")
    need(request.dataset, "sensor", "dataset.sensor")
    sensor = spec.sensor_from(request.dataset.sensor, "dataset")
    outputs = spec.channels_from(request.dataset.outputs, "dataset")
    classes = _answers(tuple(request.dataset.classes), outputs, sensor)
    size = 4 * (sensor.window_shape[0] * sensor.window_shape[1] + len(outputs))
    limit = message_limit_bytes - HEADER_ROOM_BYTES
    if size > limit:
        raise Refused(Reason.LIMIT_EXCEEDED, field="dataset.sensor", found=f"{size} bytes a window", limit=limit)
    display_name = text(request.dataset.display_name, "dataset.display_name")
    return NewDataset(request.dataset_id, display_name, sensor, classes, outputs)


def dataset_to(dataset: Dataset) -> datasets_pb2.Dataset:
    """Write a dataset."""
    message = datasets_pb2.Dataset(
        name=f"datasets/{dataset.id}",
        display_name=dataset.display_name,
        sensor=spec.sensor_to(dataset.sensor),
        classes=dataset.classes,
        window_count=dataset.window_count,
        label_counts=dataset.label_counts,
        create_time=timestamp(dataset.create_us),
        outputs=spec.channels_to(dataset.outputs),
    )
    if dataset.statistics is not None:
        message.statistics.CopyFrom(spec.statistics_to(dataset.statistics))
    return message


async def header_from(requests: AsyncIterator[datasets_pb2.UploadWindowsRequest]) -> Header:
    """Read the first message of an upload stream.

    Raises:
        Refused: with the field that is missing or wrong.
    """
    async for request in requests:
        need(request, "header", "header")
        header = request.header
        dataset = dataset_id(header.dataset, "header.dataset")
        upload = uuid_text(header.upload_id, "header.upload_id")
        need(header, "sensor", "header.sensor")
        return Header(dataset, upload, header.window_count, spec.sensor_from(header.sensor, "header"))
    raise Refused(Reason.FIELD_REQUIRED, field="header")


async def batches_from(requests: AsyncIterator[datasets_pb2.UploadWindowsRequest]) -> AsyncIterator[Batch]:
    """Read the other messages of an upload stream.

    Raises:
        Refused: FIELD_REQUIRED or FIELD_INVALID, for anything but a batch.
    """
    async for request in requests:
        if request.HasField("header"):
            words = {"problem": "is sent once, first", "found": "a second header", "remedy": "Send batches after it."}
            raise Refused(Reason.FIELD_INVALID, field="header", **words)
        need(request, "batch", "batch")
        yield Batch(request.batch.offset, request.batch.values, request.batch.labels, request.batch.targets)


def upload_to(upload: Upload) -> datasets_pb2.Upload:
    """Write an upload."""
    state = datasets_pb2.Upload.COMPLETE if upload.sha256 else datasets_pb2.Upload.RECEIVING
    return datasets_pb2.Upload(
        name=f"datasets/{upload.dataset_id}/uploads/{upload.id}",
        state=state,
        committed_count=upload.committed_count,
        window_count=upload.window_count,
        sha256=upload.sha256,
    )


def _answers(classes: tuple[str, ...], outputs: tuple[Channel, ...], sensor: SensorSpec) -> tuple[str, ...]:
    """Check classes and outputs by the rules of a task; none at all is fine, too. Returns the classes."""
    if classes or outputs:
        try:
            TaskSpec("any", sensor, classes, outputs)
        except Refused as refused:
            part = refused.field.rpartition(".")[2]
            raise Refused(refused.reason, field=f"dataset.{part}", **refused.details) from None
    return classes
