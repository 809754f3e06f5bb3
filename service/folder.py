"""The data folder: one server at a time, and a file that says where it listens."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from slipway.errors import Reason, Refused

READY_FILE = "server.json"


@contextmanager
def only_server(folder: Path) -> Iterator[None]:
    """Create ``folder`` if it is missing and hold it; the system lets go of it with the process, however that ends.

    Raises:
        Refused: DATA_FOLDER_BUSY.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(Reason.DATA_FOLDER_BUSY, field="data_folder", name=folder) from None
        yield


@contextmanager
def announced(folder: Path, addresses: Mapping[str, str]) -> Iterator[None]:
    """Keep ``server.json`` with the addresses and the process id in ``folder`` while the server listens."""
    ready, part = folder / READY_FILE, folder / f"{READY_FILE}.part"
    part.write_text(json.dumps({**addresses, "pid": os.getpid()}))
    part.rename(ready)
    try:
        yield
    finally:
        ready.unlink(missing_ok=True)
