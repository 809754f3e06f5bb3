"""Graphs from elsewhere on their way in: received whole, checked against their hash, and entered with their job.

Nothing here looks into the file: it is parsed by a worker.
"""

import asyncio
import hashlib
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from sqlalchemy import Connection

from service.blobs import Blobs
from service.catalogue import jobs
from service.catalogue.engine import Catalogue
from service.catalogue.records import Job
from service.catalogue.requests import RequestKey, answer_of
from service.clock import now_us
from service.config import Config
from service.domain import GRAPH, ImportSpec
from slipway.errors import Reason, Refused

PATIENCE_SECONDS = 30.0  # that a stream may take whatever its length
SLOWEST_BYTES_PER_SECOND = 32 << 10  # of a line that is still worth waiting for


@dataclass(frozen=True)
class Header:
    """What is about to be sent.

    Args:
        spec: what to make of it.
        size_bytes: its length.
        sha256: its hash, in hex.
        request: what makes the call the same as another one.
    """

    spec: ImportSpec
    size_bytes: int
    sha256: str
    request: RequestKey


class Imports:
    """Receives files and creates their jobs.

    Args:
        catalogue: where jobs are entered.
        blobs: where the files go.
        config: folder and limits of the server.
        patience_seconds: that a stream may take, beside the time of a slow line for its bytes.
    """

    def __init__(
        self, catalogue: Catalogue, blobs: Blobs, config: Config, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._catalogue = catalogue
        self._blobs = blobs
        self._folder = config.data_folder / "imports"
        self._open_limit = config.open_upload_limit
        self._patience_seconds = patience_seconds
        self._open_count = 0
        for left in self._folder.glob("*.part"):  # by a server that was killed
            left.unlink(missing_ok=True)

    async def receive(self, header: Header, pieces: AsyncIterator[bytes]) -> Job:
        """Take in a file and create its job; one that the same request created before is returned as it is.

        Raises:
            Refused: REQUEST_ID_REUSED, UPLOADS_EXHAUSTED, STORAGE_FULL, or FIELD_INVALID for a file that is not what
                its header says or does not come. Nothing is kept then.
        """
        before = await asyncio.to_thread(self._catalogue.read, _answered, header.request)
        if before is not None:
            return before
        with self._place(), self._part(header) as part:
            await self._filled(part, header, pieces)
            return await asyncio.to_thread(self._enter, header, Path(part.name))

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._open_count >= self._open_limit:
            raise Refused(Reason.UPLOADS_EXHAUSTED, field="header", limit=self._open_limit)
        self._open_count += 1
        try:
            yield
        finally:
            self._open_count -= 1

    @contextmanager
    def _part(self, header: Header) -> Iterator[IO[bytes]]:
        """A file that is gone afterwards, however this ends."""
        self._folder.mkdir(parents=True, exist_ok=True)
        needed, free = (
            2 * header.size_bytes,
            shutil.disk_usage(self._folder).free,
        )  # a whole file is copied to the blobs
        if needed > free:
            raise Refused(Reason.STORAGE_FULL, field="header.size_bytes", found=needed, limit=free)
        with NamedTemporaryFile(dir=self._folder, suffix=".part") as part:
            yield part

    async def _filled(self, part: IO[bytes], header: Header, pieces: AsyncIterator[bytes]) -> None:
        seconds = self._patience_seconds + header.size_bytes / SLOWEST_BYTES_PER_SECOND
        digest, size = hashlib.sha256(), 0
        try:
            async with asyncio.timeout(seconds):
                async for piece in pieces:
                    size += len(piece)
                    if size > header.size_bytes:
                        raise _unlike(f"needs {header.size_bytes} bytes, as the header says", f"{size} or more")
                    digest.update(piece)
                    await asyncio.to_thread(part.write, piece)
        except TimeoutError:
            problem, found = f"needs to be sent within {seconds:.0f} s", f"{size} of {header.size_bytes} bytes"
            words = {"problem": problem, "found": found, "remedy": "Send it again, without a pause."}
            raise Refused(Reason.FIELD_INVALID, field="data", **words) from None
        if size != header.size_bytes:
            raise _unlike(f"needs {header.size_bytes} bytes, as the header says", size)
        if digest.hexdigest() != header.sha256:
            raise _unlike(f"needs the SHA-256 {header.sha256}, as the header says", digest.hexdigest())
        await asyncio.to_thread(part.flush)

    def _enter(self, header: Header, path: Path) -> Job:
        self._blobs.put_file(path, header.sha256)
        files = {GRAPH: (header.sha256, header.size_bytes)}
        job_id = f"j{uuid.uuid4().hex[:16]}"
        return self._catalogue.write(jobs.create, job_id, header.spec, header.request, now_us(), files)


def _answered(connection: Connection, request: RequestKey) -> Job | None:
    job_id = answer_of(connection, request)
    return None if job_id is None else jobs.get(connection, job_id)


def _unlike(problem: str, found: object) -> Refused:
    remedy = "Send the whole file in order, with its own length and hash in the header."
    return Refused(Reason.FIELD_INVALID, field="data", problem=problem, found=found, remedy=remedy)
