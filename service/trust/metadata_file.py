"""A metadata file of the repository by its name, for the process that answers calls: no framework is loaded there."""

from pathlib import Path

from slipway.errors import Reason, Refused
from slipway.trust import names

FILE_LIMIT_BYTES = 5_000_000  # more than any role may have; a gRPC message holds less anyway
FOLDER = "updates"


def read(data_folder: Path, name: str, limit_bytes: int = FILE_LIMIT_BYTES) -> bytes:
    """The content of ``metadata/…``.

    Raises:
        Refused: TARGET_NOT_FOUND for any other name, and where updates are not signed; LIMIT_EXCEEDED.
    """
    inside = (
        len(name) <= names.NAME_LIMIT_CHARS and name.startswith(f"{names.METADATA}/") and names.NAME.fullmatch(name)
    )
    try:
        if not inside:
            raise FileNotFoundError(name)
        with (data_folder / FOLDER / name).open("rb") as file:
            content = file.read(limit_bytes + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        shown = repr(name[:80])
        raise Refused(Reason.TARGET_NOT_FOUND, field="name", name=shown) from error
    if len(content) > limit_bytes:
        raise Refused(Reason.LIMIT_EXCEEDED, field="name", found=f"{len(content)} bytes", limit=limit_bytes)
    return content
