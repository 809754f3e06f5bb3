"""Sums and products of float32 numbers come out as if they had been added as fractions."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from adapters.sums import exact

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
tables = st.integers(1, 4).flatmap(
    lambda c: arrays.arrays(np.float32, st.tuples(st.integers(1, 9), st.just(c)), elements=floats)
)
UNIT = Fraction(1, 2**exact.UNIT_BITS)


def fractions(rows):
    return [[Fraction(float(number)) for number in row] for row in rows]


@given(tables)
def test_every_sum_square_and_product_is_exact(rows):
    columns = list(zip(*fractions(rows), strict=True))
    products = exact.column_products(rows)
    for i, one in enumerate(columns):
        assert exact.column_sums(rows)[i] * UNIT == sum(one)
        assert exact.column_squares(rows)[i] * UNIT**2 == sum(x * x for x in one)
        for j, other in enumerate(columns):
            assert products[i, j] * UNIT**2 == sum(x * y for x, y in zip(one, other, strict=True))


def test_the_fullest_slices_still_fit():
    rows = np.full((9000, 2), np.float32(2**21 - 1))  # every bit of a slice set, over several parts
    rows[:, 1] = -rows[:, 1]
    value = 2**21 - 1
    assert exact.column_sums(rows).tolist() == [9000 * value << 149, -9000 * value << 149]
    assert exact.column_products(rows)[0].tolist() == [9000 * value**2 << 298, -9000 * value**2 << 298]


def test_a_plain_double_sum_would_not_do():
    rows = np.array([[1e30], [1.0], [-1e30]], np.float32)
    assert rows.astype(np.float64).sum() == 0.0
    assert exact.column_sums(rows)[0] * UNIT == 1
