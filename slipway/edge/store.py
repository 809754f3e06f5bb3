"""The device's folder. A crash at any point leaves the old state or the new one.

    state.json              what is current, previous, candidate, refused; replaced whole, never written in place
    bundles/<sha256>.slipway    whole bundles; a file appears here only after its hash was checked
    downloads/<sha256>.part     what came of a download so far
    lock                    held by the one agent that works here

A switch is one rename of ``state.json``: the bundle it names is on the disk before it, and no other is removed until
after it. A bundle that was made from a delta comes the way of a download: as a part first.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.durable import replace_file, sync_folder
from slipway.edge.state import State, needed
from slipway.edge.state_file import from_bytes, to_bytes
from slipway.errors import Reason, Refused

STATE_LIMIT_BYTES = 1 << 20
DISK = "disk"  # field of a refusal where bytes that had been good are not any more


class Store:
    """Files of one device. Only the holder of ``locked`` may write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder if need be and keep other agents out; the lock ends with the process.

        Raises:
            Refused: EDGE_FOLDER_BUSY.
        """
        for folder in (self.folder / "bundles", self.folder / "downloads"):
            folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Refused(Reason.EDGE_FOLDER_BUSY, field="folder", found=self.folder) from error
            yield

    def in_use(self) -> bool:
        """Whether an agent works here now."""
        try:
            with (self.folder / "lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def read(self) -> State | None:
        """The state; None before the first start.

        Raises:
            Refused: EDGE_STATE_DAMAGED.
        """
        try:
            with self._state_path.open("rb") as file:
                return from_bytes(file.read(STATE_LIMIT_BYTES), str(self._state_path))
        except FileNotFoundError:
            return None

    def set_aside(self) -> None:
        """Keep a state that cannot be read as ``state.damaged``."""
        os.replace(self._state_path, self._state_path.with_suffix(".damaged"))

    def write(self, state: State) -> None:
        """Put ``state`` in place of the one before, as one step that is on the disk when it returns."""
        replace_file(self._state_path, to_bytes(state))

    def bundle(self, sha256: str) -> Path:
        """Where a whole bundle lies."""
        return self.folder / "bundles" / f"{sha256}.slipway"

    def content(self, sha256: str) -> bytes:
        """A whole bundle, its hash checked again.

        Raises:
            Refused: BUNDLE_HASH_MISMATCH where the disk no longer holds what came.
            OSError: the file cannot be read.
        """
        path = self.bundle(sha256)
        data = path.read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise Refused(Reason.BUNDLE_HASH_MISMATCH, field=DISK, name=path.name, found=found, expected=sha256)
        return data

    def part(self, sha256: str) -> Path:
        """Where a download grows."""
        return self.folder / "downloads" / f"{sha256}.part"

    def complete(self, sha256: str, data: bytes) -> None:
        """Put ``data``, whose hash was checked, in place of what came of a download so far."""
        with self.part(sha256).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def admit(self, sha256: str) -> None:
        """Move a finished download among the bundles."""
        os.replace(self.part(sha256), self.bundle(sha256))
        sync_folder(self.folder / "bundles")
        sync_folder(self.folder / "downloads")

    def tidy(self, state: State, *also: str) -> None:
        """Remove bundles and parts that neither ``state`` nor ``also`` (hashes) need."""
        kept = {*needed(state), *also}
        for folder in ("bundles", "downloads"):
            for path in (self.folder / folder).iterdir():
                if path.stem not in kept:
                    path.unlink()

    @property
    def _state_path(self) -> Path:
        return self.folder / "state.json"
