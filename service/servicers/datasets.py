"""Datasets."""

from asyncio import to_thread
from collections.abc import AsyncIterator, Sequence
from typing import Any

from google.protobuf.empty_pb2 import Empty
from sqlalchemy import Connection

from service import names, pages
from service.blobs import Blobs
from service.catalogue import datasets, uploads
from service.catalogue.engine import Catalogue
from service.clock import now_us
from service.config import Config
from service.convert import datasets as convert
from service.convert.common import need, request_key
from service.convert.spec import statistics_from
from service.uploads import Uploads
from slipway import statistics
from slipway.v1 import datasets_pb2 as pb
from slipway.v1.datasets_pb2_grpc import DatasetsServicer


class Datasets(DatasetsServicer):
    """Keeps what devices measured."""

    def __init__(self, catalogue: Catalogue, blobs: Blobs, receiver: Uploads, config: Config) -> None:
        self._catalogue = catalogue
        self._blobs = blobs
        self._receiver = receiver
        self._message_limit_bytes = config.message_limit_bytes

    async def CreateDataset(self, request: pb.CreateDatasetRequest, context: Any) -> pb.Dataset:
        """Create an empty dataset."""
        new = convert.new_dataset(request, self._message_limit_bytes)
        key = request_key(request, request.request_id)
        return convert.dataset_to(await to_thread(self._catalogue.write, datasets.create, new, key, now_us()))

    async def GetDataset(self, request: pb.GetDatasetRequest, context: Any) -> pb.Dataset:
        """Return one dataset."""
        dataset_id = names.dataset_id(request.name, "name")
        return convert.dataset_to(await to_thread(self._catalogue.read, datasets.get, dataset_id))

    async def ListDatasets(self, request: pb.ListDatasetsRequest, context: Any) -> pb.ListDatasetsResponse:
        """List datasets by name."""
        limit, after = pages.size(request.page_size), pages.after(request.page_token, "datasets")
        rows = await to_thread(self._catalogue.read, datasets.page, after, limit + 1)
        page, token = pages.page(rows, limit, "datasets", lambda row: row.id, convert.dataset_to)
        return pb.ListDatasetsResponse(datasets=page, next_page_token=token)

    async def DeleteDataset(self, request: pb.DeleteDatasetRequest, context: Any) -> Empty:
        """Delete a dataset and its windows."""
        dataset_id = names.dataset_id(request.name, "name")
        self._receiver.drop(await to_thread(self._catalogue.write, self._remove, dataset_id))
        return Empty()

    async def UploadWindows(self, requests: AsyncIterator[pb.UploadWindowsRequest], context: Any) -> pb.Upload:
        """Take in windows."""
        header = await convert.header_from(requests)
        return convert.upload_to(await self._receiver.receive(header, convert.batches_from(requests)))

    async def GetUpload(self, request: pb.GetUploadRequest, context: Any) -> pb.Upload:
        """Say how far an upload has come."""
        dataset_id, upload_id = names.upload_id(request.name, "name")
        return convert.upload_to(await to_thread(self._catalogue.read, uploads.get, dataset_id, upload_id))

    async def UploadStatistics(self, request: pb.UploadStatisticsRequest, context: Any) -> pb.Dataset:
        """Merge statistics into a dataset."""
        need(request, "statistics", "statistics")
        dataset_id = names.dataset_id(request.dataset, "dataset")
        key = request_key(request, request.request_id, required=True)
        dataset = await to_thread(self._catalogue.read, datasets.get, dataset_id, "dataset")
        found = statistics.check(statistics_from(request.statistics), len(dataset.sensor.channels))
        merged = await to_thread(self._catalogue.write, datasets.merge_statistics, dataset_id, found, key, now_us())
        return convert.dataset_to(merged)

    def _remove(self, connection: Connection, dataset_id: str) -> Sequence[str]:
        """Files go inside the transaction: nobody can complete an upload of the same content meanwhile."""
        upload_ids, files = datasets.remove(connection, dataset_id)
        for sha256 in files:
            self._blobs.delete(sha256)
        return upload_ids
