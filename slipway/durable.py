"""Files that outlive a power cut: the bytes first, then the name, each of them on the disk."""

import os
from pathlib import Path


def replace_file(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Put ``data`` at ``path`` as one step that is on the disk when this returns; a crash leaves the old or the new.

    Args:
        mode: who may read it, as for ``os.open``.

    Raises:
        OSError: the disk; what was at ``path`` is there still.
    """
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)  # what a crash left keeps its own mode
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
