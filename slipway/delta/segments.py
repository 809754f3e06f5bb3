"""The new file as runs of numbers that differ little from the base's, and the rest, which zstd finds in the base.

A run is stored as differences of whole numbers (a float32 by its bits, so that equal steps on a logarithmic scale are
equal differences), without the zero bits they all end in, signs folded into the last bit, one plane a byte: what is
small then costs little, whatever its sign.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slipway.delta.container import malformed
from slipway.delta.places import Place
from slipway.delta.varint import read_signed, read_varint, signed, varint

WIDTHS = (1, 2, 4)  # bytes of a number
PIECE = 1 << 16  # numbers that are restored at once: wide numbers need many times the memory of the file
Wide = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Run:
    """``count`` numbers of ``width`` bytes at ``start`` of the new file and at ``base`` of the base."""

    start: int
    base: int
    count: int
    width: int

    @property
    def size_bytes(self) -> int:
        """Of the numbers."""
        return self.count * self.width


def pair(base: Mapping[str, Place], new: Mapping[str, Place]) -> list[Run]:
    """The numbers that both files hold under one name and width, in the order of the new file."""
    runs = []
    for name, place in new.items():
        other = base.get(name)
        if other is not None and other.width == place.width:
            runs.append(Run(place.start, other.start, min(place.count, other.count), place.width))
    return sorted(runs, key=lambda run: run.start)


def encode(base: bytes, new: bytes, runs: Iterable[Run]) -> bytes:
    """The payload of ``new`` against ``base``. Runs that do not differ are left to the rest."""
    heads, planes, rest = bytearray(), bytearray(), bytearray()
    at, base_at, count = 0, 0, 0
    for run in runs:
        steps = _numbers(new, run.start, run) - _numbers(base, run.base, run)
        if not steps.any():
            continue
        steps = _wrapped(steps, run.width)
        shift = _common_zeros(steps)
        folded = _folded(steps >> shift)
        depth = -(-int(folded.max()).bit_length() // 8)
        gap = run.start - at
        heads += varint(gap) + signed(run.base - base_at - gap) + varint(run.count)
        heads += varint(shift << 5 | depth << 2 | WIDTHS.index(run.width))
        planes += folded.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :depth].T.tobytes()
        rest += new[at : run.start]
        at, base_at, count = run.start + run.size_bytes, run.base + run.size_bytes, count + 1
    return varint(count) + bytes(heads) + bytes(planes) + bytes(rest) + new[at:]


def decode(base: bytes, payload: bytes, limit_bytes: int) -> bytes:
    """The new file of a payload, at most ``limit_bytes`` long.

    Raises:
        Refused: DELTA_MALFORMED.
    """
    try:
        heads, at = _heads(payload)
    except IndexError as error:
        raise malformed("delta.payload", "it ends within its list of runs") from error
    rest_at = at + sum(run.count * depth for _, run, _, depth in heads)
    size = len(payload) - rest_at + sum(run.size_bytes for _, run, _, _ in heads)
    if rest_at + sum(gap for gap, *_ in heads) > len(payload) or size > limit_bytes:
        raise malformed("delta.payload", "its runs do not fit")
    found = bytearray()
    for gap, run, shift, depth in heads:
        if not 0 <= run.base <= len(base) - run.size_bytes:
            raise malformed("delta.payload", "a run lies outside the base")
        planes = np.frombuffer(payload, np.uint8, run.count * depth, at).reshape(depth, run.count)
        numbers = np.frombuffer(base, f"<i{run.width}", run.count, run.base)
        found += payload[rest_at : rest_at + gap]
        for first in range(0, run.count, PIECE):
            piece = slice(first, first + PIECE)
            found += _restored(numbers[piece].astype(np.int64), planes[:, piece], shift, run.width)
        at, rest_at = at + run.count * depth, rest_at + gap
    found += payload[rest_at:]
    return bytes(found)


def _heads(payload: bytes) -> tuple[list[tuple[int, Run, int, int]], int]:
    """((bytes of the rest before it, run, shift, planes) of each run, where the heads end)."""
    count, at = read_varint(payload, 0)
    heads, base_at = [], 0
    for _ in range(count):
        gap, at = read_varint(payload, at)
        moved, at = read_signed(payload, at)
        numbers, at = read_varint(payload, at)
        code, at = read_varint(payload, at)
        width, depth, shift = code & 3, code >> 2 & 7, code >> 5
        if width >= len(WIDTHS) or not 1 <= depth <= WIDTHS[width] or shift >= 8 * WIDTHS[width] or not numbers:
            raise malformed("delta.payload", "a run is none")
        run = Run(0, base_at + gap + moved, numbers, WIDTHS[width])
        heads.append((gap, run, shift, depth))
        base_at = run.base + run.size_bytes
    return heads, at


def _numbers(data: bytes, start: int, run: Run) -> Wide:
    return np.frombuffer(data, f"<i{run.width}", run.count, start).astype(np.int64)


def _wrapped(steps: Wide, width: int) -> Wide:
    """Differences modulo the width, as signed numbers of that width."""
    return steps.astype(f"<i{width}").astype(np.int64)


def _common_zeros(steps: Wide) -> int:
    """How many zero bits all numbers end in; some number is not zero."""
    together = int(np.bitwise_or.reduce(steps))
    return (together & -together).bit_length() - 1


def _folded(steps: Wide) -> Wide:
    """0, -1, 1, -2, … → 0, 1, 2, 3, …"""
    return np.asarray((steps << 1) ^ (steps >> 63))


def _restored(base: Wide, planes: npt.NDArray[np.uint8], shift: int, width: int) -> bytes:
    wide = np.zeros((planes.shape[1], 8), np.uint8)
    wide[:, : len(planes)] = planes.T
    folded = wide.view("<u8")[:, 0].astype(np.int64)
    steps = ((folded >> 1) ^ -(folded & 1)) << shift
    return (base + steps).astype(f"<i{width}").tobytes()
