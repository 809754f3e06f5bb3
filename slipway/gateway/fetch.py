"""A target fetched whole from the server, from the byte on where an earlier attempt broke off.

Unlike ``slipway.ranged`` nobody has said how long it is: its name is its hash, and the hash decides.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from slipway.errors import Reason, Refused
from slipway.transport import ServerRefused

READ_BYTES = 1 << 20
DOWNLOAD = "download"
NO_SUCH_BYTES = ("NOT_FOUND", "OUT_OF_RANGE")
Pieces = Callable[
    [str, int], Iterable[tuple[int, bytes]]
]  # of a target's SHA-256, from an offset on: (offset, data), …


def fetch(part: Path, pieces: Pieces, *, sha256: str, limit_bytes: int, tell: Callable[[int], None]) -> None:
    """Complete ``part``; on return its hash is ``sha256`` and it is on the disk. What came stays where the line breaks.

    What ``part`` already holds is kept and hashed again, never trusted: a power cut may have left zeros in it. Nobody
    is told of it before the whole has its hash; where it turns out to have another, all is fetched afresh, once.

    Args:
        part: file to append to; created if missing.
        pieces: yields consecutive pieces of a target.
        limit_bytes: a target that is longer is refused.
        tell: called with how many bytes others may read by now.

    Raises:
        Refused: DOWNLOAD_INVALID for a piece out of place, LIMIT_EXCEEDED, BUNDLE_HASH_MISMATCH. Nothing stays.
        ServerRefused, ServerUnreachable: as the line says.
    """
    with part.open("ab+") as file:
        try:
            if _resumed(file, pieces, sha256, limit_bytes):
                tell(os.fstat(file.fileno()).st_size)
            else:
                file.truncate(0)  # never removed: others have it open
                _complete(file, pieces, sha256, limit_bytes, tell)
        except Exception as error:
            if _wrong(error) or not os.fstat(file.fileno()).st_size:
                part.unlink(missing_ok=True)
            raise


def _resumed(file: BinaryIO, pieces: Pieces, sha256: str, limit_bytes: int) -> bool:
    """Whether something was kept, and has become the whole."""
    if not os.fstat(file.fileno()).st_size:
        return False
    try:
        _complete(file, pieces, sha256, limit_bytes, lambda have: None)
    except (Refused, ServerRefused) as error:
        if not _wrong(error):
            raise
        return False
    return True


def _complete(file: BinaryIO, pieces: Pieces, sha256: str, limit_bytes: int, tell: Callable[[int], None]) -> None:
    """Append what is missing, if anything is."""
    digest, have = _kept(file)
    for offset, data in pieces(sha256, have) if digest.hexdigest() != sha256 else ():
        _check(offset, len(data), have, limit_bytes)
        file.write(data)
        file.flush()
        digest.update(data)
        have += len(data)
        tell(have)
    os.fsync(file.fileno())
    found = digest.hexdigest()
    if found != sha256:
        name = Path(file.name).name
        raise Refused(Reason.BUNDLE_HASH_MISMATCH, field=DOWNLOAD, name=name, found=found, expected=sha256)


def _kept(file: BinaryIO) -> tuple["hashlib._Hash", int]:
    digest, have = hashlib.sha256(), 0
    file.seek(0)
    while data := file.read(READ_BYTES):
        digest.update(data)
        have += len(data)
    return digest, have


def _check(offset: int, length: int, have: int, limit_bytes: int) -> None:
    if offset != have:
        raise Refused(Reason.DOWNLOAD_INVALID, field=DOWNLOAD, problem=f"a piece for byte {offset} came at byte {have}")
    if have + length > limit_bytes:
        raise Refused(Reason.LIMIT_EXCEEDED, field=DOWNLOAD, found=f"{have + length} bytes", limit=limit_bytes)


def _wrong(error: Exception) -> bool:
    """Whether what was kept cannot become this target."""
    return isinstance(error, Refused) or (isinstance(error, ServerRefused) and error.code in NO_SUCH_BYTES)
