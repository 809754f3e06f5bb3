"""Tensors on the wire: what was sent is what is read, to the bit, and nothing else is."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from service.inference.tensors import likeliest, texts_to_raw, to_raw, windows_from_numbers, windows_from_raw
from slipway.errors import Refused
from tests.service.inference.bundles import SENSOR

LIMIT = 64
FLOATS = st.floats(width=32)  # NaN, infinities, -0.0 and denormals too
WINDOWS = st.integers(1, 6).flatmap(lambda count: arrays.arrays(np.float32, (count, 3, 2), elements=FLOATS))


@given(WINDOWS)
def test_bytes_come_back_bit_by_bit(values: np.ndarray) -> None:
    found = windows_from_raw(to_raw(values), values.shape, SENSOR, LIMIT, "w")
    assert found.dtype == np.float32 and found.shape == values.shape
    assert found.tobytes() == values.tobytes()


@given(WINDOWS)
def test_numbers_say_the_same_as_bytes(values: np.ndarray) -> None:
    numbers = [float(value) for value in values.ravel()]
    found = windows_from_numbers(numbers, values.shape, SENSOR, LIMIT, "w")
    assert np.array_equal(found, values, equal_nan=True)
    assert np.array_equal(np.signbit(found[found == 0]), np.signbit(values[values == 0]))


@given(st.integers(1, LIMIT), st.integers(-30, 30).filter(bool))
def test_another_length_than_the_shapes_is_refused(count: int, more: int) -> None:
    size = max(0, 24 * count + more)
    with pytest.raises(Refused) as caught:
        windows_from_raw(bytes(size), (count, 3, 2), SENSOR, LIMIT, "w")
    assert (caught.value.reason, caught.value.details["found"]) == ("FIELD_INVALID", f"{size} bytes")


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_no_other_shape_is_taken(shape: list[int]) -> None:
    """Whatever the numbers, no memory is asked for by them."""
    if len(shape) == 3 and shape[1:] == [3, 2] and 1 <= shape[0] <= LIMIT:
        return
    with pytest.raises(Refused):
        windows_from_raw(b"", shape, SENSOR, LIMIT, "w")
    with pytest.raises(Refused):
        windows_from_numbers([], shape, SENSOR, LIMIT, "w")


@given(st.lists(st.binary(max_size=40)))
def test_texts_can_be_taken_apart_again(elements: list[bytes]) -> None:
    data, found = texts_to_raw(elements), []
    while data:
        (length,) = struct.unpack_from("<I", data)
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    assert found == elements


@given(arrays.arrays(np.float32, (3, 4), elements=st.integers(-3, 3).map(float)), st.integers(1, 6))
def test_the_likeliest_classes_come_first_and_ties_by_index(logits: np.ndarray, count: int) -> None:
    found = [text.decode().split(":") for text in likeliest(logits, "abcd", count)]
    width = min(count, 4)
    for row, texts in zip(logits, (found[i : i + width] for i in range(0, 3 * width, width)), strict=True):
        expected = sorted(range(4), key=lambda index: (-row[index], index))[:width]
        assert [(int(index), name) for _, index, name in texts] == [(i, "abcd"[i]) for i in expected]
        assert [float(value) for value, _, _ in texts] == [row[i] for i in expected]
