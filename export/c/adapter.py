"""The adapter slot: all numbers that a small adapter changes, as one record that can be rewritten by itself.

Words of 32 bits, little-endian: version, program, the fields in the order of the header, CRC-32 of all before it.
``program`` is a CRC-32 over the code and the weights: a slot made for others is not taken.
"""

import struct
import zlib
from collections.abc import Sequence

import numpy as np

from export.c.program import Numbers

SCALE_KINDS = {"float": "float", "integer": "uint32_t"}


def slot(fields: Sequence[Numbers], program: int, version: int) -> bytes:
    """The bytes of a slot."""
    body = struct.pack("<II", version, program) + b"".join(_words(one) for one in fields)
    return body + struct.pack("<I", zlib.crc32(body))


def size_bytes(fields: Sequence[Numbers]) -> int:
    """Length of a slot."""
    return 12 + sum(4 * one.array.size for one in fields)


def _words(numbers: Numbers) -> bytes:
    array = numbers.array
    return array.astype(np.dtype("<f4") if array.dtype == np.float32 else np.dtype("<i4")).tobytes()


def is_scale(numbers: Numbers, scales: set[str]) -> bool:
    """Whether a field holds requantisation scales: float32, or in integer arithmetic the same bits as a word."""
    return f"a->{numbers.name}" in scales
