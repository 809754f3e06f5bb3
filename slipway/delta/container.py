"""The outside of a delta: a fixed header, one zstd frame or none, a checksum. Everything has a limit."""

import struct
import zlib
from dataclasses import dataclass, replace
from enum import IntEnum

from backports import zstd  # in Python 3.14: compression.zstd

from slipway.bundle.archive import BUNDLE_LIMIT_BYTES
from slipway.errors import Reason, Refused

MAGIC = b"SLPD"
FORMAT = 1
_HEADER = struct.Struct("<4sBB3I32s32s")
_CHECKSUM = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _CHECKSUM.size  # what a delta may be longer than the new file
PAYLOAD_LIMIT_BYTES = 2 * BUNDLE_LIMIT_BYTES
_WINDOW_LIMIT_LOG = 27
_THOROUGH_BYTES = 4 * 1024 * 1024
_LEAST_DICTIONARY_BYTES = 8  # zstd takes no less
_LEVELS = (19, 5)  # of zstd: up to _THOROUGH_BYTES, and above


class Form(IntEnum):
    """What the payload is."""

    STORED = 0  # the new file
    FULL = 1  # the new file, compressed
    FILE = 2  # segments against the base, compressed with the base as dictionary
    BUNDLE = 3  # likewise, both taken apart by ``contents``


@dataclass(frozen=True)
class Header:
    """What a delta says about itself. SHA-256 as 32 bytes."""

    form: Form
    base_size_bytes: int
    result_size_bytes: int
    payload_size_bytes: int  # before compression
    base_sha256: bytes
    result_sha256: bytes

    def of(self, form: Form, payload: bytes) -> "Header":
        """The same files by another payload."""
        return replace(self, form=form, payload_size_bytes=len(payload))


def write(header: Header, payload: bytes, dictionary: bytes = b"") -> bytes:
    """The delta with ``payload``, compressed unless it is stored."""
    packed = payload if header.form is Form.STORED else _compress(payload, dictionary)
    sizes = (header.base_size_bytes, header.result_size_bytes, header.payload_size_bytes)
    head = _HEADER.pack(MAGIC, FORMAT, header.form, *sizes, header.base_sha256, header.result_sha256)
    return head + packed + _CHECKSUM.pack(zlib.crc32(head + packed))


def ends(head: bytes) -> tuple[str, str] | None:
    """SHA-256 (hex) of what a delta starts from and leads to, by its first bytes; None where they are not a delta's."""
    if len(head) < _HEADER.size:
        return None
    magic, number, *_, base, result = _HEADER.unpack(head[: _HEADER.size])
    return (base.hex(), result.hex()) if (magic, number) == (MAGIC, FORMAT) else None


def read(delta: bytes) -> tuple[Header, bytes]:
    """(header, packed payload) of a delta whose checksum holds.

    Raises:
        Refused: DELTA_MALFORMED.
    """
    if len(delta) < HEADER_BYTES:
        raise malformed("delta", "it ends within its header")
    magic, version, form, base, result, payload, base_sha256, result_sha256 = _HEADER.unpack_from(delta)
    if magic != MAGIC:
        raise malformed("delta", "it does not begin as a delta")
    if version != FORMAT:
        raise malformed("delta.format", f"format {version} is not known here")
    if form not in tuple(Form):
        raise malformed("delta.form", f"form {form} is not known here")
    if _CHECKSUM.unpack(delta[-_CHECKSUM.size :])[0] != zlib.crc32(delta[: -_CHECKSUM.size]):
        raise malformed("delta.checksum", "its checksum does not hold: it was cut, extended or damaged")
    header = Header(Form(form), base, result, payload, base_sha256, result_sha256)
    return header, delta[_HEADER.size : -_CHECKSUM.size]


def decompress(header: Header, packed: bytes, dictionary: bytes) -> bytes:
    """The payload, never much more than the header says it is.

    Raises:
        Refused: DELTA_MALFORMED, or LIMIT_EXCEEDED for a payload that no new file can need.
    """
    wanted = header.payload_size_bytes
    check_size("delta.payload_size_bytes", wanted, PAYLOAD_LIMIT_BYTES)
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LIMIT_LOG}
    reader = zstd.ZstdDecompressor(_dictionary(dictionary), options)
    try:
        found = reader.decompress(packed, max_length=wanted + 1)
    except zstd.ZstdError as error:
        raise malformed("delta.payload", f"it cannot be decompressed ({error})") from error
    if len(found) > wanted:
        raise malformed("delta.payload", f"it holds more than the {wanted} bytes it promises")
    if not reader.eof or len(found) != wanted:
        raise malformed("delta.payload", f"it ends after {len(found)} of {wanted} bytes")
    if reader.unused_data:
        raise malformed("delta.payload", "bytes follow its end")
    return found


def check_size(field: str, size_bytes: int, limit_bytes: int) -> None:
    """Refuse what is over a limit.

    Raises:
        Refused: LIMIT_EXCEEDED.
    """
    if size_bytes > limit_bytes:
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=size_bytes, limit=limit_bytes)


def malformed(field: str, problem: str) -> Refused:
    """The refusal of a delta that is not one."""
    return Refused(Reason.DELTA_MALFORMED, field=field, problem=problem)


def _compress(payload: bytes, dictionary: bytes) -> bytes:
    size = len(payload) + len(dictionary)
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: _LEVELS[size > _THOROUGH_BYTES],
        zstd.CompressionParameter.window_log: min(_WINDOW_LIMIT_LOG, max(10, size.bit_length())),
        zstd.CompressionParameter.content_size_flag: 1,
        zstd.CompressionParameter.checksum_flag: 0,
        zstd.CompressionParameter.dict_id_flag: 0,
    }
    return zstd.compress(payload, options=options, zstd_dict=_dictionary(dictionary))


def _dictionary(data: bytes) -> tuple[zstd.ZstdDict, int] | None:
    """As a prefix: raw content even where it begins as a trained dictionary would."""
    return zstd.ZstdDict(data, is_raw=True).as_prefix if len(data) >= _LEAST_DICTIONARY_BYTES else None
