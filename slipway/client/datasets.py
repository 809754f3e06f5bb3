"""The client's calls about recorded data."""

import uuid
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from slipway.client.convert import channel_messages, sensor_message, to_value
from slipway.client.pages import every
from slipway.client.uploads import Parcel, Report, send
from slipway.client.values import Dataset, Upload
from slipway.errors import Reason, Refused
from slipway.names import dataset_name, last_part
from slipway.spec import Channel, SensorSpec
from slipway.statistics import ChannelStatistics
from slipway.transport import PATIENCE_S, ask
from slipway.v1 import datasets_pb2, datasets_pb2_grpc, spec_pb2
from slipway.windows import Answers, answered, check_labels, check_targets, check_values

CHECK_WINDOWS = 4096


class Datasets:
    """Calls of ``slipway.v1.Datasets``. Every method raises ``ServerRefused`` or ``ServerUnreachable``."""

    def __init__(self, channel: object, address: str) -> None:
        self._stub = datasets_pb2_grpc.DatasetsStub(channel)
        self._address = address

    def create(
        self,
        name: str,
        sensor: SensorSpec,
        classes: Sequence[str] = (),
        *,
        outputs: Sequence[Channel] = (),
        display_name: str = "",
        request_id: str | None = None,
    ) -> Dataset:
        """Create an empty dataset. The same ``request_id`` again returns the same dataset.

        Args:
            classes: names of what labels index.
            outputs: names and units of what targets measure, for a regression; instead of classes.
        """
        dataset = datasets_pb2.Dataset(
            sensor=sensor_message(sensor),
            classes=classes,
            display_name=display_name,
            outputs=channel_messages(outputs),
        )
        request = datasets_pb2.CreateDatasetRequest(
            dataset_id=last_part(name), dataset=dataset, request_id=request_id or str(uuid.uuid4())
        )
        created: Dataset = to_value(ask(self._stub.CreateDataset, request, self._address))
        return created

    def get(self, name: str) -> Dataset:
        """One dataset."""
        request = datasets_pb2.GetDatasetRequest(name=dataset_name(name))
        dataset: Dataset = to_value(ask(self._stub.GetDataset, request, self._address))
        return dataset

    def list(self) -> Iterator[Dataset]:
        """All datasets by name, fetched page by page."""
        return every(self._stub.ListDatasets, datasets_pb2.ListDatasetsRequest, "datasets", self._address)

    def delete(self, name: str) -> None:
        """Delete a dataset and its windows."""
        ask(self._stub.DeleteDataset, datasets_pb2.DeleteDatasetRequest(name=dataset_name(name)), self._address)

    def upload_windows(
        self,
        dataset: str,
        values: npt.ArrayLike,
        labels: npt.ArrayLike | None = None,
        *,
        sensor: SensorSpec | None = None,
        upload_id: str | None = None,
        progress: Report | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Upload:
        """Send windows in batches; after a broken line go on where the server stands.

        Args:
            values: float32 (count, time, channels).
            labels: class index per window, -1 where unknown; or the targets (count, outputs) of a regression, each
                finite; None if no window has an answer.
            sensor: what made the windows; None trusts that it is the dataset's.
            upload_id: a UUID; the same one again goes on with that upload, and adds its windows once.
            progress: called with (windows sent, windows in all).
            patience_s: how long the server may stay away.

        Raises:
            Refused: the windows do not fit the sensor, hold a sample that is not finite, or a wrong label or target.
        """
        known = self.get(dataset)
        given = sensor or known.sensor
        windows = np.asarray(values, np.float32)
        for first in range(0, max(1, len(windows)), CHECK_WINDOWS):
            check_values(windows[first : first + CHECK_WINDOWS], given, first=first)
        marks = None if labels is None else _checked(labels, known, len(windows))
        parcel = Parcel(known.name, upload_id or str(uuid.uuid4()), given, windows, marks)
        return send(self._stub, self._address, parcel, progress=progress, patience_s=patience_s)

    def get_upload(self, name: str) -> Upload:
        """How far an upload has come; ``name`` is "datasets/…/uploads/…"."""
        upload: Upload = to_value(ask(self._stub.GetUpload, datasets_pb2.GetUploadRequest(name=name), self._address))
        return upload

    def upload_statistics(self, dataset: str, statistics: ChannelStatistics, request_id: str | None = None) -> Dataset:
        """Merge statistics of windows that stay where they are. The same ``request_id`` is merged once."""
        request = datasets_pb2.UploadStatisticsRequest(
            dataset=dataset_name(dataset),
            statistics=spec_pb2.ChannelStatistics(
                count=statistics.count,
                mean=statistics.mean,
                sum_squared_deviation=statistics.sum_squared_deviation,
            ),
            request_id=request_id or str(uuid.uuid4()),
        )
        merged: Dataset = to_value(ask(self._stub.UploadStatistics, request, self._address))
        return merged


def _checked(labels: npt.ArrayLike, dataset: Dataset, count: int) -> Answers:
    if dataset.outputs:
        marks: Answers = check_targets(labels, len(dataset.outputs))
        if not answered(marks).all():
            remedy = "Upload windows without targets on their own, with no labels at all."
            found = f"NaN in window {int(np.argmin(answered(marks)))}"
            raise Refused(
                Reason.FIELD_INVALID, field="labels", problem="needs finite targets", found=found, remedy=remedy
            )
    else:
        marks = check_labels(labels, len(dataset.classes))
    if marks.shape != ((count, len(dataset.outputs)) if dataset.outputs else (count,)):
        raise _miscounted(marks.shape, count)
    return marks


def _miscounted(found: tuple[int, ...], expected: int) -> Refused:
    remedy = "Give one label for each window, -1 where it is unknown."
    problem = f"{expected} windows need {expected} labels"
    return Refused(Reason.FIELD_INVALID, field="labels", problem=problem, found=f"shape {found}", remedy=remedy)


def statistics_of(values: npt.ArrayLike) -> ChannelStatistics:
    """Count, mean and scatter per channel of windows (count, time, channels), in float64."""
    samples = np.asarray(values, np.float64)
    samples = samples.reshape(-1, samples.shape[-1])
    mean = samples.mean(axis=0)
    scatter = np.square(samples - mean).sum(axis=0)
    return ChannelStatistics(len(samples), tuple(mean.tolist()), tuple(scatter.tolist()))
