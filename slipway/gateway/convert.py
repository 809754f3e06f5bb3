"""What devices say of their data, read as the server would read it: what it would refuse is not kept for it."""

import uuid

from slipway import statistics
from slipway.client.convert import to_value
from slipway.client.values import Dataset
from slipway.errors import Reason, Refused
from slipway.gateway.uploads import Upload
from slipway.spec import check_name
from slipway.statistics import ChannelStatistics
from slipway.v1 import datasets_pb2 as pb

COUNT_LIMIT = 1 << 40
SPEC_LIMIT_BYTES = 64 << 10


def dataset_id(name: str, field: str) -> str:
    """The last part of "datasets/…".

    Raises:
        Refused: FIELD_INVALID.
    """
    return check_name(name.removeprefix("datasets/"), field)


def uuid_text(text: str, field: str) -> str:
    """A UUID in its usual form.

    Raises:
        Refused: FIELD_INVALID.
    """
    try:
        return str(uuid.UUID(text))
    except ValueError:
        remedy = "Choose a UUID, and send it again only to repeat the same request."
        words = {"problem": "needs a UUID", "found": repr(text), "remedy": remedy}
        raise Refused(Reason.FIELD_INVALID, field=field, **words) from None


def new_dataset(dataset_id: str, given: pb.Dataset) -> pb.Dataset:
    """The dataset to enter: what its windows are, and nothing that a device could not know.

    Raises:
        Refused: LIMIT_EXCEEDED, or what is wrong with the sensor.
    """
    if given.ByteSize() > SPEC_LIMIT_BYTES:
        size = f"{given.ByteSize()} bytes"
        raise Refused(Reason.LIMIT_EXCEEDED, field="dataset", found=size, limit=SPEC_LIMIT_BYTES)
    message = pb.Dataset(name=f"datasets/{dataset_id}", display_name=given.display_name, sensor=given.sensor)
    message.classes.extend(given.classes)
    message.outputs.extend(given.outputs)
    to_value(message)  # refuses a sensor that cannot be
    return message


def moments(request: pb.UploadStatisticsRequest, channel_count: int) -> ChannelStatistics:
    """The moments of samples of ``channel_count`` channels.

    Raises:
        Refused: FIELD_INVALID.
    """
    given = request.statistics
    found = ChannelStatistics(given.count, tuple(given.mean), tuple(given.sum_squared_deviation))
    return statistics.check(found, channel_count)


def new_upload(header: pb.UploadHeader, dataset: Dataset) -> Upload:
    """The upload that ``header`` begins, of windows for ``dataset``.

    Raises:
        Refused: FIELD_INVALID.
    """
    sensor = to_value(header.sensor)
    if sensor != dataset.sensor:
        words = {"problem": "differs from the dataset's", "found": sensor}
        remedy = "Create a dataset for this sensor."
        raise Refused(Reason.FIELD_INVALID, field="header.sensor", **words, remedy=remedy)
    if not 0 < header.window_count <= COUNT_LIMIT:
        words = {"problem": f"needs 1 to {COUNT_LIMIT}", "found": header.window_count}
        remedy = "Announce the windows of the whole upload."
        raise Refused(Reason.FIELD_INVALID, field="header.window_count", **words, remedy=remedy)
    upload_id = uuid_text(header.upload_id, "header.upload_id")
    return Upload(upload_id, dataset_id(header.dataset, "header.dataset"), header.window_count, 0, None)


def upload_to(upload: Upload) -> pb.Upload:
    """Write an upload."""
    return pb.Upload(
        name=f"datasets/{upload.dataset_id}/uploads/{upload.id}",
        state=pb.Upload.COMPLETE if upload.complete else pb.Upload.RECEIVING,
        committed_count=upload.committed_count,
        window_count=upload.window_count,
    )
