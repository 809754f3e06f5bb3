"""The files of a repository, in a folder or in an object store: each is put in place whole, as one step."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import obstore
from obstore.store import LocalStore, ObjectStore

from slipway.trust.names import check_name
from slipway.trust.source import NotThere

READ_BYTES = 256 << 10


class Files(Protocol):
    """Where the metadata of a repository lies."""

    def get(self, name: str) -> bytes | None:
        """The content of a file; None where there is none."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Put a file in place, as one step that lasts when it returns."""
        ...


class StoredFiles:
    """Files in any store that obstore knows.

    Args:
        store: where they lie; a ``LocalStore`` is a folder.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def get(self, name: str) -> bytes | None:
        """As ``Files.get``."""
        try:
            return bytes(obstore.get(self._store, check_name(name)).bytes())
        except FileNotFoundError:
            return None

    def put(self, name: str, content: bytes) -> None:
        """As ``Files.put``."""
        obstore.put(self._store, check_name(name), content)
        if isinstance(self._store, LocalStore) and self._store.prefix is not None:
            _flush(Path(self._store.prefix), name)

    def read(self, name: str, offset: int) -> Iterator[bytes]:
        """As ``slipway.trust.source.Source.read``: a store can be looked into as a device does."""
        content = self.get(name)
        if content is None:
            raise NotThere(name)
        for first in range(offset, len(content), READ_BYTES):
            yield content[first : first + READ_BYTES]


def _flush(folder: Path, name: str) -> None:
    """Make a file safe against a power cut, and the entries that lead to it."""
    path = folder / name
    while True:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        if path == folder:
            return
        path = path.parent
