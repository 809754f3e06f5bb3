"""A bundle as bytes: one canonical ZIP. Reading walks it under limits, encodes it again and compares. See SPEC.md."""

import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from slipway.bundle import samples
from slipway.bundle.graph import check_graph
from slipway.bundle.manifest import (
    FILE_LIMIT,
    GRAPH,
    MANIFEST_LIMIT_BYTES,
    MANIFEST_NAME,
    SELF_TEST_INPUTS,
    SELF_TEST_OUTPUTS,
    Manifest,
    check_file_name,
)
from slipway.errors import Reason, Refused

BUNDLE_LIMIT_BYTES = 64 * 1024 * 1024
SELF_TEST_LIMIT = 256  # windows

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LOCAL_MARK, _CENTRAL_MARK, _END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_VERSION = 20  # ZIP 2.0
_MADE_BY = 3 << 8 | _VERSION  # Unix, so that the mode below counts
_DATE = 1 << 5 | 1  # 1980-01-01
_MODE = 0o100644 << 16


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle that was checked from the first byte to the last.

    Args:
        manifest: what it says about itself; true of ``files``.
        files: contents by name.
        inputs: self-test windows (count, time, channels), float32.
        outputs: their logits (count, classes), float32.
    """

    manifest: Manifest
    files: Mapping[str, bytes]
    inputs: npt.NDArray[np.float32]
    outputs: npt.NDArray[np.float32]

    @property
    def graph(self) -> bytes:
        """The ONNX file."""
        return self.files[self.manifest.name_of(GRAPH)]


def pack(manifest: Manifest, files: Mapping[str, bytes]) -> bytes:
    """The one byte string for these contents.

    Args:
        manifest: must be true of ``files``.
        files: contents by name, without the manifest.

    Raises:
        Refused: as ``read`` would refuse the result.
    """
    _check_contents(manifest, files)
    data = _encode(manifest, files)
    _check_size(len(data))
    return data


def read(data: bytes) -> Bundle:
    """Check a bundle and open it.

    Raises:
        Refused: BUNDLE_MALFORMED, BUNDLE_FILE_MISSING, BUNDLE_FILE_UNEXPECTED, BUNDLE_HASH_MISMATCH, LIMIT_EXCEEDED or
            SPEC_INVALID.
    """
    _check_size(len(data))
    entries = _walk(data)
    manifest = Manifest.from_bytes(entries[MANIFEST_NAME])
    files = {name: entries[name] for name in entries if name != MANIFEST_NAME}
    bundle = _check_contents(manifest, files)
    if _encode(manifest, files) != data:
        raise _malformed("is not the canonical encoding of its contents")
    return bundle


def read_file(path: Path | str) -> Bundle:
    """Check a bundle on disk and open it; a file over the limit is not read.

    Raises:
        Refused: as ``read``.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read(BUNDLE_LIMIT_BYTES + 1)
    return read(data)


def _check_contents(manifest: Manifest, files: Mapping[str, bytes]) -> Bundle:
    for name in manifest.files.keys() - files.keys():
        raise Refused(Reason.BUNDLE_FILE_MISSING, field="bundle", name=name)
    for name in files.keys() - manifest.files.keys():
        raise Refused(Reason.BUNDLE_FILE_UNEXPECTED, field="bundle", name=name)
    for name, entry in manifest.files.items():
        if len(files[name]) != entry.size_bytes:
            raise _malformed(f"{name} has {len(files[name])} bytes, the manifest says {entry.size_bytes}")
        _check_hash(name, files[name], entry.sha256)
    check_graph(files[manifest.name_of(GRAPH)], manifest.name_of(GRAPH))
    task = manifest.task
    inputs = _samples(manifest, files, SELF_TEST_INPUTS, task.sensor.window_shape)
    outputs = _samples(manifest, files, SELF_TEST_OUTPUTS, (task.answer_size,))
    if len(inputs) != len(outputs):
        raise _malformed(f"the self-test has {len(inputs)} windows and {len(outputs)} outputs")
    return Bundle(manifest, dict(files), inputs, outputs)


def _samples(
    manifest: Manifest, files: Mapping[str, bytes], role: str, shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    name = manifest.name_of(role)
    return samples.decode(files[name], shape, SELF_TEST_LIMIT, name)


def _check_hash(name: str, data: bytes, expected: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise Refused(Reason.BUNDLE_HASH_MISMATCH, field="bundle", name=name, found=found, expected=expected)


def _check_size(size_bytes: int) -> None:
    if size_bytes > BUNDLE_LIMIT_BYTES:
        raise Refused(Reason.LIMIT_EXCEEDED, field="bundle", found=size_bytes, limit=BUNDLE_LIMIT_BYTES)


def _encode(manifest: Manifest, files: Mapping[str, bytes]) -> bytes:
    entries = {MANIFEST_NAME: manifest.to_bytes(), **{name: files[name] for name in sorted(files)}}
    body, directory = bytearray(), bytearray()
    for name, data in entries.items():
        crc, size, label = zlib.crc32(data), len(data), name.encode()
        directory += _CENTRAL.pack(
            _CENTRAL_MARK, _MADE_BY, _VERSION, 0, 0, 0, _DATE, crc, size, size, len(label), 0, 0, 0, 0, _MODE, len(body)
        )
        directory += label
        body += _LOCAL.pack(_LOCAL_MARK, _VERSION, 0, 0, 0, _DATE, crc, size, size, len(label), 0) + label + data
    end = _END.pack(_END_MARK, 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    return bytes(body + directory + end)


def _walk(data: bytes) -> dict[str, bytes]:
    """Local entries in order, until the central directory begins. What is not read here, the comparison sees."""
    entries: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] != _CENTRAL_MARK:
        if len(entries) > FILE_LIMIT:
            raise Refused(Reason.LIMIT_EXCEEDED, field="bundle.files", found=len(entries), limit=FILE_LIMIT)
        name, start, stop = _entry(data, at)
        if name in entries:
            raise _malformed(f"{name} comes twice")
        if (name == MANIFEST_NAME) != (not entries):
            raise _malformed(f"{MANIFEST_NAME} is not the first entry")
        if name == MANIFEST_NAME and stop - start > MANIFEST_LIMIT_BYTES:
            raise Refused(Reason.LIMIT_EXCEEDED, field="manifest", found=stop - start, limit=MANIFEST_LIMIT_BYTES)
        entries[name] = data[start:stop]
        at = stop
    if not entries:
        raise _malformed("holds no entry")
    return entries


def _entry(data: bytes, at: int) -> tuple[str, int, int]:
    """(name, start, stop) of the local entry at ``at``."""
    if at + _LOCAL.size > len(data):
        raise _malformed("ends early")
    mark, _, flags, method, _, _, _, packed, size, name_length, extra = _LOCAL.unpack_from(data, at)
    if mark != _LOCAL_MARK:
        raise _malformed(f"has no entry at byte {at}")
    if method or flags or extra or packed != size:
        raise _malformed(f"the entry at byte {at} is compressed, encrypted or extended")
    start = at + _LOCAL.size + name_length
    if start + size > len(data):
        raise _malformed("ends early")
    name = data[at + _LOCAL.size : start].decode("latin-1")
    check_file_name(name)
    return name, start, start + size


def _malformed(problem: str) -> Refused:
    return Refused(Reason.BUNDLE_MALFORMED, field="bundle", problem=problem)
