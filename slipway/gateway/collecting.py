"""The part of ``slipway.v1.Datasets`` that devices use. What goes on to the server is the operator's policy."""

import hashlib
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np

from slipway.client.convert import to_value
from slipway.client.datasets import statistics_of
from slipway.client.values import Dataset
from slipway.errors import Reason, Refused
from slipway.gateway import convert, datasets, uploads
from slipway.gateway.batches import answer_bytes, checked
from slipway.gateway.ledger import Ledger
from slipway.gateway.lot import chosen
from slipway.gateway.peers import check_owner, peer_id
from slipway.gateway.policy import Limits, Policy
from slipway.gateway.rim import answering, patient
from slipway.gateway.uploads import Drawn, Upload
from slipway.spec import check_name
from slipway.v1 import datasets_pb2 as pb
from slipway.v1.datasets_pb2_grpc import DatasetsServicer
from slipway.windows import Answers, Values


class Collecting(DatasetsServicer):
    """Takes what devices measured, reduces it, and keeps it until the server has it.

    Args:
        clock: microseconds since 1970.
    """

    def __init__(self, ledger: Ledger, policy: Policy, limits: Limits, clock: Callable[[], int]) -> None:
        self._ledger = ledger
        self._policy = policy
        self._limits = limits
        self._clock = clock

    @answering
    async def CreateDataset(self, request: pb.CreateDatasetRequest, context: Any) -> pb.Dataset:
        """Enter a device's dataset here; the server hears of it with the first parcel."""
        self._open("dataset_id")
        dataset_id = check_name(request.dataset_id, "dataset_id")
        self._check_writer(context, dataset_id, "dataset_id")
        message = convert.new_dataset(dataset_id, request.dataset)
        upstream_id = self._policy.dataset or dataset_id
        made = await to_thread(self._ledger.run, datasets.create, message, upstream_id, self._limits)
        return _seen_by(context, made)

    @answering
    async def GetDataset(self, request: pb.GetDatasetRequest, context: Any) -> pb.Dataset:
        """A device's dataset, with what the device has sent so far."""
        dataset_id = convert.dataset_id(request.name, "name")
        self._check_writer(context, dataset_id, "name")
        return _seen_by(context, await to_thread(self._ledger.run, datasets.get, dataset_id))

    @answering
    async def UploadStatistics(self, request: pb.UploadStatisticsRequest, context: Any) -> pb.Dataset:
        """Merge moments with those of the site."""
        self._open("dataset")
        dataset_id = convert.dataset_id(request.dataset, "dataset")
        self._check_writer(context, dataset_id, "dataset")
        request_id = convert.uuid_text(request.request_id, "request_id")
        found = await to_thread(self._ledger.run, datasets.get, dataset_id, "dataset")
        moments = convert.moments(request, len(found.sensor.channels))
        key = (request_id, hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest())
        merged = await to_thread(self._ledger.run, datasets.add_statistics, dataset_id, moments, key, self._clock())
        return _seen_by(context, merged)

    @answering
    async def UploadWindows(self, requests: AsyncIterator[pb.UploadWindowsRequest], context: Any) -> pb.Upload:
        """Take in windows; each batch is on the disk, reduced, before the next one is read."""
        self._open("header")
        requests = patient(requests, self._limits.silence_s)
        upload, dataset = await self._begun(requests, context)
        if upload.complete:
            return convert.upload_to(upload)
        async for request in requests:
            if not request.HasField("batch"):
                raise Refused(Reason.FIELD_REQUIRED, field="batch")
            upload = await to_thread(self._take, upload, dataset, request.batch)
        if not upload.complete:
            words = {"found": upload.committed_count, "expected": upload.window_count}
            raise Refused(Reason.UPLOAD_INCOMPLETE, field="batch", **words)
        return convert.upload_to(upload)

    @answering
    async def GetUpload(self, request: pb.GetUploadRequest, context: Any) -> pb.Upload:
        """How far an upload has come."""
        name, _, upload_id = request.name.partition("/uploads/")
        dataset_id = convert.dataset_id(name, "name")
        self._check_writer(context, dataset_id, "name")
        upload = await to_thread(self._ledger.run, uploads.upload_of, convert.uuid_text(upload_id, "name"))
        if upload is None or upload.dataset_id != dataset_id:
            raise Refused(Reason.UPLOAD_NOT_FOUND, field="name", name=request.name)
        return convert.upload_to(upload)

    def _check_writer(self, context: Any, dataset_id: str, field: str) -> None:
        """Devices write to their own dataset, and to the site's."""
        if dataset_id != self._policy.dataset:
            check_owner(context, dataset_id, field)

    def _open(self, field: str) -> None:
        if self._policy.windows == "none":
            raise Refused(Reason.GATEWAY_CLOSED, field=field, name="windows and statistics")

    async def _begun(self, requests: AsyncIterator[pb.UploadWindowsRequest], context: Any) -> tuple[Upload, Dataset]:
        async for request in requests:
            header = request.header
            if not request.HasField("header") or not header.HasField("sensor"):
                raise Refused(Reason.FIELD_REQUIRED, field="header")
            dataset_id = convert.dataset_id(header.dataset, "header.dataset")
            self._check_writer(context, dataset_id, "header.dataset")
            message = await to_thread(self._ledger.run, datasets.get, dataset_id, "header.dataset")
            dataset: Dataset = to_value(message)
            new = convert.new_upload(header, dataset)
            room = self._room_bytes(header.window_count, dataset)
            return await to_thread(
                self._ledger.run, uploads.open_upload, new, self._limits, room, self._clock()
            ), dataset
        raise Refused(Reason.FIELD_REQUIRED, field="header")

    def _room_bytes(self, count: int, dataset: Dataset) -> int:
        """What an upload will keep, about: windows with an answer are all kept, and nobody knows yet how many."""
        if self._policy.windows != "sample":
            return 0
        return int(count * self._policy.keep_share) * 4 * int(np.prod(dataset.sensor.window_shape))

    def _take(self, upload: Upload, dataset: Dataset, batch: pb.WindowBatch) -> Upload:
        values, answers = checked(batch, dataset)
        sample = self._policy.windows == "sample"
        return self._ledger.run(
            uploads.append,
            upload.id,
            batch.offset,
            len(values),
            _drawn(values, answers, self._policy.keep_share) if sample else [],
            None if sample else statistics_of(values),
            self._limits,
            self._clock(),
        )


def _drawn(values: Values, answers: Answers, share: float) -> list[Drawn]:
    return [
        Drawn(digest, np.ascontiguousarray(values[index], "<f4").tobytes(), answer_bytes(answers, index))
        for index, digest in chosen(values, answers, share)
    ]


def _seen_by(context: Any, message: pb.Dataset) -> pb.Dataset:
    """Of a dataset that is not its own, a device sees what its windows have to be and no more."""
    if peer_id(context) in (None, message.name.removeprefix("datasets/")):
        return message
    shown = pb.Dataset(name=message.name, sensor=message.sensor)
    shown.classes.extend(message.classes)
    shown.outputs.extend(message.outputs)
    return shown
