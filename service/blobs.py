"""Files named by the SHA-256 of their content, in a folder or in an object store: the same code for both.

A file is written whole or not at all and never changes, so whoever knows its hash can check what they read.
"""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from slipway.errors import Reason, Refused


class Blobs:
    """Content-addressed files.

    Args:
        store: where they lie.
        cache: folder for files that have to be fetched before they can be mapped into memory.
    """

    def __init__(self, store: ObjectStore, cache: Path) -> None:
        self._store = store
        self._cache = cache

    def put(self, content: bytes) -> str:
        """Keep ``content``; return its SHA-256."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.exists(sha256):
            obstore.put(self._store, _key(sha256), content)
            self._flush(sha256)
        return sha256

    def put_file(self, path: Path, sha256: str) -> None:
        """Keep a copy of the file at ``path``, whose SHA-256 is known."""
        if not self.exists(sha256):
            obstore.put(self._store, _key(sha256), path)
            self._flush(sha256)

    def exists(self, sha256: str) -> bool:
        """Whether the file is here."""
        try:
            obstore.head(self._store, _key(sha256))
        except FileNotFoundError:
            return False
        return True

    def get(self, sha256: str) -> bytes:
        """The content, checked.

        Raises:
            Refused: STORED_FILE_DAMAGED.
        """
        try:
            content = bytes(obstore.get(self._store, _key(sha256)).bytes())
        except FileNotFoundError:
            raise _damaged(sha256, "nothing") from None
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise _damaged(sha256, found)
        return content

    def path(self, sha256: str) -> Path:
        """A local file with the content, checked; fetched first where the store is far away.

        Raises:
            Refused: STORED_FILE_DAMAGED.
        """
        try:
            local = self._local(sha256) or self._fetched(sha256)
            found = sha256_of(local)
        except FileNotFoundError:
            raise _damaged(sha256, "nothing") from None
        if found != sha256:
            raise _damaged(sha256, found)
        return local

    async def read(self, sha256: str, start: int, end: int, chunk_size_bytes: int) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (offset, piece) for the bytes from ``start`` to before ``end``.

        Raises:
            Refused: STORED_FILE_DAMAGED, if the file is gone.
        """
        if start >= end:
            return
        try:
            result = await obstore.get_async(self._store, _key(sha256), options={"range": (start, end)})
        except FileNotFoundError:
            raise _damaged(sha256, "nothing") from None
        async for buffer in result.stream(min_chunk_size=chunk_size_bytes):
            view = memoryview(buffer)
            for first in range(0, len(view), chunk_size_bytes):
                piece = bytes(view[first : first + chunk_size_bytes])
                yield start, piece
                start += len(piece)

    def delete(self, sha256: str) -> None:
        """Drop a file, if it is here."""
        if self.exists(sha256):
            obstore.delete(self._store, _key(sha256))

    def _local(self, sha256: str) -> Path | None:
        prefix = self._store.prefix if isinstance(self._store, LocalStore) else None
        return None if prefix is None else Path(prefix) / _key(sha256)

    def _fetched(self, sha256: str) -> Path:
        target = self._cache / sha256
        if not target.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            part = target.with_suffix(f".{os.getpid()}")
            with part.open("wb") as file:
                for buffer in obstore.get(self._store, _key(sha256)).stream():
                    file.write(buffer)
            part.rename(target)
        return target

    def _flush(self, sha256: str) -> None:
        """Make a new local file safe against a power cut; an object store has promised that already."""
        local = self._local(sha256)
        for path in () if local is None else (local, local.parent, local.parent.parent):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


def open_blobs(url: str, data_folder: Path) -> Blobs:
    """The blobs at ``url``, or in the data folder if it is empty."""
    folder = data_folder.absolute()
    store = from_url(url) if url else LocalStore(folder / "blobs", mkdir=True)
    return Blobs(store, folder / "cache" / "blobs")


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"


def _damaged(sha256: str, found: str) -> Refused:
    return Refused(Reason.STORED_FILE_DAMAGED, field="blobs", expected=sha256, found=found)
