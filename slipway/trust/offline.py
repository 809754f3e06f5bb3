"""One file that brings an update to a device without a network: a ZIP of a repository's files, stored, under limits.

It needs no trust of its own: what is in it is checked like what a server says. What is here keeps it from hurting:
no compression, so nothing grows; no name that climbs; no more entries and bytes than the file itself holds.
"""

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from slipway.errors import Reason, Refused
from slipway.trust import names
from slipway.trust.source import NotThere

FILE_LIMIT_BYTES = 512 << 20
ENTRY_LIMIT = 1024
DIRECTORY_LIMIT_BYTES = 1 << 20
READ_BYTES = 256 << 10
FIELD = "offline"
_END = struct.Struct("<4s4H2IH")


class OfflineSource:
    """A ``Source`` in a file. Close it, or use it in a ``with`` statement.

    Args:
        path: the file.

    Raises:
        Refused: BUNDLE_MALFORMED, LIMIT_EXCEEDED or FIELD_INVALID.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        try:
            self._entries = _entries(self._file)
        except BaseException:
            self._file.close()
            raise

    def read(self, name: str, offset: int) -> Iterator[bytes]:
        """As ``Source.read``."""
        if name not in self._entries:
            raise NotThere(name)
        start, size = self._entries[name]
        at = min(offset, size)
        while at < size:
            self._file.seek(start + at)
            data = self._file.read(min(READ_BYTES, size - at))
            if not data:
                raise _malformed("it has become shorter")
            yield data
            at += len(data)

    @property
    def names(self) -> frozenset[str]:
        """What is in the file."""
        return frozenset(self._entries)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> "OfflineSource":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _entries(file: BinaryIO) -> dict[str, tuple[int, int]]:
    """(first byte, length) by name."""
    size_bytes = file.seek(0, io.SEEK_END)
    _check_limit("size", size_bytes, FILE_LIMIT_BYTES)
    directory = _directory(file, size_bytes)
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise _malformed(str(error)) from error
    found: dict[str, tuple[int, int]] = {}
    at = 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        if info.orig_filename in found:
            raise _malformed(f"{info.orig_filename} comes twice")
        start = _start(file, info, at)
        found[names.check_name(info.orig_filename)] = (start, info.file_size)
        at = start + info.file_size
    if at != directory:
        raise _malformed("something is hidden before its directory")
    return found


def _directory(file: BinaryIO, size_bytes: int) -> int:
    """Where the directory begins. The end record stands at the end and promises little: checked before it is obeyed."""
    if size_bytes < _END.size:
        raise _malformed("it ends early")
    file.seek(size_bytes - _END.size)
    mark, disk, first_disk, here, count, directory_bytes, start, comment = _END.unpack(file.read(_END.size))
    if mark != b"PK\x05\x06" or disk or first_disk or comment or here != count:
        raise _malformed("it does not end as a ZIP file of one part without a comment")
    _check_limit("entries", count, ENTRY_LIMIT)
    _check_limit("directory", directory_bytes, DIRECTORY_LIMIT_BYTES)
    if start + directory_bytes + _END.size != size_bytes:
        raise _malformed("its directory is not where it says")
    return int(start)


def _start(file: BinaryIO, info: zipfile.ZipInfo, at: int) -> int:
    """The first byte of an entry's contents, which has to follow the entry before."""
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits or info.compress_size != info.file_size:
        raise _malformed(f"{info.orig_filename} is compressed or encrypted")
    if info.header_offset != at:
        raise _malformed(f"{info.orig_filename} overlaps another entry, or something is hidden before it")
    file.seek(at)
    header = file.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise _malformed(f"{info.orig_filename} has no entry")
    label_bytes, extra_bytes = struct.unpack_from("<2H", header, 26)
    if extra_bytes or file.read(label_bytes) != info.orig_filename.encode():
        raise _malformed(f"{info.orig_filename} has another name in its entry")
    return at + 30 + int(label_bytes)


def _check_limit(what: str, found: int, limit: int) -> None:
    if found > limit:
        raise Refused(Reason.LIMIT_EXCEEDED, field=f"{FIELD}.{what}", found=found, limit=limit)


def _malformed(problem: str) -> Refused:
    return Refused(Reason.BUNDLE_MALFORMED, field=FIELD, problem=problem)
