"""A file fetched in pieces: it goes on at any byte, and is only whole when its SHA-256 says so."""

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from slipway.errors import Reason, Refused

READ_BYTES = 1 << 20
DOWNLOAD = "download"  # field of every refusal here
Pieces = Callable[[int], Iterable[tuple[int, bytes]]]  # from an offset on: (offset, data), …
Report = Callable[[int, int], None]  # (bytes so far, bytes in all)


def fetch(part: Path, pieces: Pieces, *, size_bytes: int, sha256: str, progress: Report | None = None) -> None:
    """Complete ``part``; on return it holds exactly the promised bytes and is on the disk.

    What ``part`` already holds is kept and hashed again, never trusted: where the whole has another hash, a power cut
    may have left zeros in it, and all is fetched afresh, once. If ``pieces`` breaks off, what came stays for the next
    call. A whole file with another hash is removed.

    Args:
        part: file to append to; created if missing.
        pieces: given an offset, yields consecutive pieces from there on.
        size_bytes: promised length.
        sha256: promised hash, hex.
        progress: called with (bytes on hand, bytes in all).

    Raises:
        Refused: DOWNLOAD_INVALID for a piece out of place, too many bytes or too few, BUNDLE_HASH_MISMATCH.
    """
    found, kept_bytes = _completed(part, pieces, size_bytes, progress)
    if found != sha256 and kept_bytes:
        part.unlink()
        found, _ = _completed(part, pieces, size_bytes, progress)
    if found != sha256:
        part.unlink()
        raise Refused(Reason.BUNDLE_HASH_MISMATCH, field=DOWNLOAD, name=part.name, found=found, expected=sha256)


def _completed(part: Path, pieces: Pieces, size_bytes: int, progress: Report | None) -> tuple[str, int]:
    """Append what is missing; the hash (hex) of the whole, and how many bytes were there before."""
    with part.open("ab+") as file:
        digest, have = _kept(file, size_bytes)
        kept_bytes = have
        if progress:
            progress(have, size_bytes)
        for offset, data in pieces(have) if have < size_bytes else ():
            _check_piece(offset, len(data), have, size_bytes)
            file.write(data)
            file.flush()  # so that a killed process loses nothing that came
            digest.update(data)
            have += len(data)
            if progress:
                progress(have, size_bytes)
        os.fsync(file.fileno())
    if have < size_bytes:
        raise Refused(Reason.DOWNLOAD_INVALID, field=DOWNLOAD, problem=f"it ended at byte {have} of {size_bytes}")
    return digest.hexdigest(), kept_bytes


def _kept(file: BinaryIO, size_bytes: int) -> tuple["hashlib._Hash", int]:
    digest = hashlib.sha256()
    if os.fstat(file.fileno()).st_size > size_bytes:
        file.truncate(0)
    file.seek(0)
    have = 0
    while data := file.read(READ_BYTES):
        digest.update(data)
        have += len(data)
    return digest, have


def _check_piece(offset: int, length: int, have: int, size_bytes: int) -> None:
    if offset != have:
        raise Refused(Reason.DOWNLOAD_INVALID, field=DOWNLOAD, problem=f"a piece for byte {offset} came at byte {have}")
    if have + length > size_bytes:
        problem = f"more than the promised {size_bytes} bytes came"
        raise Refused(Reason.DOWNLOAD_INVALID, field=DOWNLOAD, problem=problem)
