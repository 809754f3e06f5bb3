"""Sums and products of float32 numbers without any rounding, so that no order of adding them matters.

Every finite float32 is a whole multiple of 2^-149, and every product of two of them one of 2^-298. The numbers are cut
into slices of 20 bits; the product of two slices, summed over 4096 rows, still fits the 53 bits of a double, so the
machine's fast matrix product adds it without error. Python's integers, which have no end, collect the rest.

Reference: Ozaki et al. 2012, error-free transformations of matrix multiplication, https://doi.org/10.1007/s11075-011-9478-1.
"""

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt

UNIT_BITS = 149  # a float32 is a whole number of 2^-149, a product of two one of 2^-298
_SLICE_BITS = 20
_ROWS = 4096  # 2 · 20 bits of a product and 12 of the rows: 52 of a double's 53

_ADDITIONS = 1024  # of numbers under 2^53, within 64 bits

Integers = npt.NDArray[Any]  # of Python's integers
Rows = npt.NDArray[np.float32]
Slice = tuple[int, npt.NDArray[np.float64]]  # (shift, whole numbers)


def column_sums(rows: Rows) -> Integers:
    """Σ row: (columns,) integers in units of 2^-149, of finite rows (count, columns)."""
    total = _Total(rows.shape[1:])
    for part in _parts(rows):
        for shift, piece in _slices(part):
            total.add(piece.sum(0), shift)
    return total.whole()


def column_squares(rows: Rows) -> Integers:
    """Σ row²: (columns,) integers in units of 2^-298, of finite rows (count, columns)."""
    total = _Total(rows.shape[1:])
    for (shift, piece), (other_shift, other) in _pairs(rows):
        total.add((piece * other).sum(0), shift + other_shift + (shift != other_shift))  # both orders of two slices
    return total.whole()


def column_products(rows: Rows) -> Integers:
    """Σ rowᵀ row: (columns, columns) integers in units of 2^-298, of finite rows (count, columns)."""
    total = _Total((rows.shape[1], rows.shape[1]))
    for (shift, piece), (other_shift, other) in _pairs(rows):
        product = piece.T @ other
        total.add(product, shift + other_shift)
        if shift != other_shift:
            total.add(product.T, shift + other_shift)
    return total.whole()


class _Total:
    """Whole doubles added up: in 64 bits while they fit, then in Python's integers."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._whole = np.zeros(shape, np.int64).astype(object)
        self._partial: dict[int, npt.NDArray[np.int64]] = {}
        self._count = 0

    def add(self, numbers: npt.NDArray[np.float64], shift: int) -> None:
        """Add ``numbers`` · 2^shift, each under 2^53."""
        whole = numbers.astype(np.int64)
        self._partial[shift] = self._partial[shift] + whole if shift in self._partial else whole
        self._count += 1
        if self._count == _ADDITIONS:
            self.whole()

    def whole(self) -> Integers:
        """All that was added."""
        for shift, partial in self._partial.items():
            self._whole = self._whole + (partial.astype(object) << shift)
        self._partial, self._count = {}, 0
        return self._whole


def _parts(rows: Rows) -> Iterator[npt.NDArray[np.float64]]:
    return (rows[first : first + _ROWS].astype(np.float64) for first in range(0, len(rows), _ROWS))


def _pairs(rows: Rows) -> Iterator[tuple[Slice, Slice]]:
    """Every two slices of each part once."""
    return (pair for part in _parts(rows) for pair in combinations_with_replacement(_slices(part), 2))


def _slices(numbers: npt.NDArray[np.float64]) -> list[Slice]:
    """(shift, whole numbers under 2^20) whose sum of whole · 2^(shift - 149) is ``numbers``; none where all are 0."""
    slices = []
    left = numbers
    while (largest := np.abs(left).max(initial=0.0)) > 0:
        top = int(np.frexp(largest)[1]) + UNIT_BITS  # bits of the largest number in units of 2^-149
        shift = max(top - 1, 0) // _SLICE_BITS * _SLICE_BITS
        unit = 2.0 ** (shift - UNIT_BITS)
        piece = np.trunc(left / unit)  # exact: the unit is a power of two
        left = left - piece * unit
        slices.append((shift, piece))
    return slices
