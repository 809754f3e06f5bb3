"""``Sums`` as bytes and as JSON: one form for one value, so that equal statistics have equal bytes.

The bytes: ``SUMS1``, then little-endian count (8), channels (4), numbers in ``outer`` (4), then the blocks ``sum`` and
``outer``. A block is how many zero bits all its integers end in (2), bytes an integer (2), and the integers without
those bits, two's complement. JSON holds the integers in hexadecimal, since many programs read JSON numbers as doubles.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from adapters.sums.sums import CHANNEL_LIMIT, COUNT_LIMIT, PAIRED_CHANNEL_LIMIT, Sums
from slipway.errors import Reason, Refused

_MAGIC = b"SUMS1"
_HEAD = struct.Struct("<5sQII")
_BLOCK = struct.Struct("<HH")
_SHIFT_LIMIT = 2 * 277  # zero bits at the end of the largest product
_BITS_LIMIT = 2 * 277 + 48 + 1  # of the largest product, 2^48 times, and its sign
_OUTER_LIMIT = max(CHANNEL_LIMIT, PAIRED_CHANNEL_LIMIT * (PAIRED_CHANNEL_LIMIT + 1) // 2)


def to_bytes(sums: Sums) -> bytes:
    """The one form of ``sums`` in bytes."""
    head = _HEAD.pack(_MAGIC, sums.count, len(sums.sum), len(sums.outer))
    return head + _packed(sums.sum) + _packed(sums.outer)


def from_bytes(data: bytes) -> Sums:
    """Read what ``to_bytes`` wrote.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED: cut short, padded, in another form, or sums that no rows can have.
    """
    _need(len(data) >= _HEAD.size, "is cut short", f"{len(data)} bytes")
    magic, count, channels, outer_count = _HEAD.unpack_from(data)
    _need(magic == _MAGIC, "does not begin with SUMS1", magic)
    _need(channels <= CHANNEL_LIMIT and outer_count <= _OUTER_LIMIT, "has too many channels", channels)
    sum_, place = _unpacked(data, _HEAD.size, channels)
    outer, place = _unpacked(data, place, outer_count)
    _need(place == len(data), "goes on after its end", f"{len(data) - place} bytes")
    sums = Sums(count, sum_, outer)
    _need(to_bytes(sums) == data, "is not in the shortest form", "another one")
    return sums


def to_json(sums: Sums) -> dict[str, Any]:
    """Plain JSON values."""
    return {"count": sums.count, "sum": [f"{one:x}" for one in sums.sum], "outer": [f"{one:x}" for one in sums.outer]}


def from_json(value: Mapping[str, Any]) -> Sums:
    """Read what ``to_json`` wrote.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED, as ``from_bytes``.
    """
    _need(isinstance(value, Mapping) and set(value) == {"count", "sum", "outer"}, "needs count, sum and outer", value)
    count = value["count"]
    _need(type(count) is int and 1 <= count <= COUNT_LIMIT, "needs a count from 1", count)
    return Sums(count, _read(value["sum"], CHANNEL_LIMIT), _read(value["outer"], _OUTER_LIMIT))


def _packed(integers: Sequence[int]) -> bytes:
    joined = 0
    for one in integers:
        joined |= abs(one)
    shift = max((joined & -joined).bit_length() - 1, 0)
    small = [one >> shift for one in integers]
    width = max((one if one >= 0 else ~one).bit_length() // 8 + 1 for one in small)
    return _BLOCK.pack(shift, width) + b"".join(one.to_bytes(width, "little", signed=True) for one in small)


def _unpacked(data: bytes, start: int, count: int) -> tuple[tuple[int, ...], int]:
    _need(len(data) >= start + _BLOCK.size, "is cut short", f"{len(data)} bytes")
    shift, width = _BLOCK.unpack_from(data, start)
    _need(shift <= _SHIFT_LIMIT and 8 * (width - 1) <= _BITS_LIMIT, "has integers too wide", (shift, width))
    first, end = start + _BLOCK.size, start + _BLOCK.size + count * width
    _need(len(data) >= end, "is cut short", f"{len(data)} bytes")
    order: Literal["little"] = "little"
    pieces = (data[place : place + width] for place in range(first, end, max(width, 1)))
    return tuple(int.from_bytes(piece, order, signed=True) << shift for piece in pieces), end


def _read(texts: Any, limit: int) -> tuple[int, ...]:
    _need(isinstance(texts, list) and len(texts) <= limit, "needs a list of integers", type(texts).__name__)
    return tuple(_integer(text) for text in texts)


def _integer(text: Any) -> int:
    fits = isinstance(text, str) and 0 < len(text) <= _BITS_LIMIT // 4 + 2
    try:
        found = int(text, 16) if fits else None
    except ValueError:
        found = None
    if found is None or f"{found:x}" != text:
        raise _refused("needs integers in lower-case hexadecimal", text)
    return found


def _need(condition: bool, problem: str, found: object) -> None:
    if not condition:
        raise _refused(problem, found)


def _refused(problem: str, found: object) -> Refused:
    remedy = "Send what the encoder wrote, whole and unchanged."
    return Refused(Reason.FIELD_INVALID, field="sums", problem=problem, found=found, remedy=remedy)
