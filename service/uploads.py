"""Uploads: windows come in batches, are checked one batch after the other, and enter the dataset all together.

What is committed survives a cut line, ``kill -9`` and a power cut: the file is synced before the catalogue says so.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from service.batches import Batch, checked
from service.blobs import Blobs, sha256_of
from service.catalogue import datasets, uploads
from service.catalogue.engine import Catalogue
from service.catalogue.records import Dataset, Upload
from service.clock import now_us
from service.config import Config
from service.parts import Part, label_counts
from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec
from slipway.windows import record_dtype

SYNC_BYTES = 4 << 20
LOCKS = 64


@dataclass(frozen=True)
class Header:
    """What is about to be sent."""

    dataset_id: str
    upload_id: str
    window_count: int
    sensor: SensorSpec


@dataclass
class Stream:
    """One stream that writes to an upload. The newest stream of an upload wins."""

    dataset: Dataset
    upload: Upload
    part: Part
    committed_count: int
    lock: Lock = field(default_factory=Lock)
    over: bool = False


class Uploads:
    """Receives uploads into ``folder``."""

    def __init__(self, catalogue: Catalogue, blobs: Blobs, config: Config) -> None:
        self._catalogue = catalogue
        self._blobs = blobs
        self._config = config
        self._folder = config.data_folder / "uploads"
        self._streams: dict[str, Stream] = {}  # by upload id; the newest one
        self._locks = [Lock() for _ in range(LOCKS)]

    async def receive(self, header: Header, batches: AsyncIterator[Batch]) -> Upload:
        """Take in ``batches`` and, with the last window, complete the upload; a complete one is returned as it is.

        Raises:
            Refused: the header or a batch is wrong, or the stream ended early. What was committed stays.
        """
        stream = await asyncio.to_thread(self._open, header)
        if isinstance(stream, Upload):
            return stream
        try:
            try:
                async for batch in batches:
                    await asyncio.to_thread(self._append, stream, batch)
            finally:
                await asyncio.to_thread(self._close, stream)
            return await asyncio.to_thread(self._complete, stream)
        finally:
            await asyncio.to_thread(self._forget, stream)

    def sweep(self) -> None:
        """Forget uploads that nobody touched for long, and files that belong to none."""
        before_us = now_us() - int(self._config.upload_ttl_seconds * 1e6)
        self._catalogue.write(uploads.forget_stale, before_us)
        files = list(self._folder.glob("*.part"))  # listed before we ask: an upload is entered before its file is made
        known = self._catalogue.read(uploads.open_ids)
        self.drop([path.stem for path in files if path.stem not in known])

    def drop(self, upload_ids: Sequence[str]) -> None:
        """Remove the files of uploads that are no more."""
        for upload_id in upload_ids:
            self._path(upload_id).unlink(missing_ok=True)

    def _open(self, header: Header) -> Stream | Upload:
        dataset = self._catalogue.read(datasets.get, header.dataset_id, "header.dataset")
        check_same_sensor(header.sensor, dataset.sensor, "header.sensor")
        self._check_size(header, len(dataset.outputs))
        with self._lock(header.upload_id):
            self._take_over(header.upload_id)
            limit, time = self._config.open_upload_limit, now_us()
            upload = self._catalogue.write(
                uploads.begin, header.dataset_id, header.upload_id, header.window_count, limit, time
            )
            if upload.sha256:
                return upload
            counts = (upload.window_count, upload.committed_count, len(dataset.outputs))
            part = Part(self._path(upload.id), dataset.sensor, *counts)
            stream = self._streams[upload.id] = Stream(dataset, upload, part, upload.committed_count)
            self._commit(stream)
        return stream

    def _take_over(self, upload_id: str) -> None:
        before = self._streams.get(upload_id)
        if before is not None:
            self._close(before)

    def _check_size(self, header: Header, output_count: int) -> None:
        limit = self._config.upload_window_limit
        if header.window_count < 1:
            words = {"problem": "needs 1 or more", "found": header.window_count, "remedy": "Send at least one window."}
            raise Refused(Reason.FIELD_INVALID, field="header.window_count", **words)
        if header.window_count > limit:
            raise Refused(Reason.LIMIT_EXCEEDED, field="header.window_count", found=header.window_count, limit=limit)
        size = header.window_count * record_dtype(header.sensor, output_count).itemsize
        limit = self._config.upload_size_limit_bytes
        if size > limit:
            raise Refused(Reason.LIMIT_EXCEEDED, field="header.window_count", found=f"{size} bytes", limit=limit)
        free = shutil.disk_usage(self._config.data_folder).free
        needed = 2 * size  # the finished file is copied to the blobs before the part is removed
        if needed > free:
            raise Refused(Reason.STORAGE_FULL, field="header.window_count", found=needed, limit=free)

    def _append(self, stream: Stream, batch: Batch) -> None:
        with stream.lock:
            if stream.over:
                raise Refused(Reason.UPLOAD_TAKEN_OVER, field="header.upload_id", name=stream.upload.id)
            values, labels = checked(batch, stream.dataset, stream.part.count, stream.upload.window_count)
            stream.part.append(values, labels)
            if (stream.part.count - stream.committed_count) * values[0].nbytes >= SYNC_BYTES:
                self._commit(stream)

    def _commit(self, stream: Stream) -> None:
        count = stream.part.sync()
        if count != stream.committed_count:
            self._catalogue.write(uploads.commit, stream.upload, count, now_us())
            stream.committed_count = count

    def _close(self, stream: Stream) -> None:
        with stream.lock:
            if stream.over:
                return
            stream.over = True
            try:
                self._commit(stream)
            finally:
                stream.part.close()

    def _forget(self, stream: Stream) -> None:
        with self._lock(stream.upload.id):
            if self._streams.get(stream.upload.id) is stream:
                del self._streams[stream.upload.id]

    def _complete(self, stream: Stream) -> Upload:
        upload, count, path = stream.upload, stream.committed_count, stream.part.path
        if count != upload.window_count:
            raise Refused(Reason.UPLOAD_INCOMPLETE, field="batch", found=count, expected=upload.window_count)
        with self._lock(upload.id):
            if self._streams.get(upload.id) is not stream:
                raise Refused(Reason.UPLOAD_TAKEN_OVER, field="header.upload_id", name=upload.id)
            sha256 = sha256_of(path)
            counts = label_counts(path, len(stream.dataset.classes))
            self._blobs.put_file(path, sha256)
            done = self._catalogue.write(uploads.complete, upload, sha256, counts, now_us())
            self._blobs.put_file(path, sha256)  # again, should a deleted dataset have taken the same file with it
            path.unlink(missing_ok=True)
        return done

    def _lock(self, upload_id: str) -> Lock:
        """Streams of one upload come and go one at a time; other uploads seldom wait for them."""
        return self._locks[hash(upload_id) % LOCKS]

    def _path(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.part"


def check_same_sensor(found: SensorSpec, expected: SensorSpec, field: str) -> None:
    """Refuse windows of another sensor.

    Raises:
        Refused: WINDOW_SHAPE_MISMATCH, RATE_MISMATCH or SENSOR_MISMATCH.
    """
    if found.window_shape != expected.window_shape:
        shapes = {"found": found.window_shape, "expected": expected.window_shape}
        raise Refused(Reason.WINDOW_SHAPE_MISMATCH, field=field, **shapes)
    if found.rate_hz != expected.rate_hz:
        raise Refused(Reason.RATE_MISMATCH, field=f"{field}.rate_hz", found=found.rate_hz, expected=expected.rate_hz)
    for index, (one, other) in enumerate(zip(found.channels, expected.channels, strict=True)):
        if one != other:
            words = {"index": index, "found": f"{one.name} ({one.unit})", "expected": f"{other.name} ({other.unit})"}
            raise Refused(Reason.SENSOR_MISMATCH, field=f"{field}.channels", **words)
