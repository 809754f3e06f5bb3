"""How sums become bytes, in float32 and in integers, against the reference arithmetic in NumPy."""

import ctypes
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export import integer
from export.c.kernels import text
from export.integer import Grid
from tests.export.c.building import COMPILER, WARNINGS, needs_compiler

pytestmark = needs_compiler
_LOOP = """
#include <stdint.h>
#include <string.h>
@KERNEL@
void many(const int32_t *sums, const @SCALE@ *scales, int32_t count, int32_t zero, uint8_t *bytes)
{
    for (int32_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)requantize(sums[i], scales[i], (@LIMIT@)-zero, (@LIMIT@)(255 - zero), zero);
    }
}
"""
_KINDS = {"float": ("float", "float"), "integer": ("uint32_t", "int32_t")}


@pytest.fixture(scope="module", params=["float", "integer", "integer_without_clz"])
def many(request, tmp_path_factory):
    form = request.param.partition("_")[0]
    scale, limit = _KINDS[form]
    code = _LOOP.replace("@KERNEL@", text(f"requantize_{form}")).replace("@SCALE@", scale).replace("@LIMIT@", limit)
    if request.param.endswith("clz"):
        code = code.replace("__GNUC__", "NO_BUILTINS")
    folder = tmp_path_factory.mktemp("requantize")
    (folder / "many.c").write_text(code)
    library = folder / "many.so"
    subprocess.run([COMPILER, *WARNINGS, "-O2", "-shared", "-fPIC", "-o", library, folder / "many.c"], check=True)
    call = ctypes.CDLL(str(library)).many

    def found(sums: np.ndarray, scales: np.ndarray, zero: int) -> np.ndarray:
        sums, scales = np.ascontiguousarray(sums, np.int32), np.ascontiguousarray(scales, np.float32)
        out = np.empty(len(sums), np.uint8)
        pointers = (one.ctypes.data_as(ctypes.c_void_p) for one in (sums, scales))
        call(*pointers, len(sums), zero, out.ctypes.data_as(ctypes.c_void_p))
        return out

    return found


def reference(sums: np.ndarray, scales: np.ndarray, zero: int) -> np.ndarray:
    return integer.requantize(np.asarray(sums, np.int32), np.asarray(scales, np.float32), Grid(np.float32(1), zero))


@pytest.mark.parametrize("zero", [0, 1, 128, 255])
def test_sums_and_scales_of_every_size(many, zero):
    rng = np.random.default_rng(zero)
    sums = rng.integers(-(2**31), 2**31, 1_000_000) >> rng.integers(0, 31, 1_000_000)
    wanted = rng.uniform(-300, 300, 1_000_000)  # most land on the grid, at every size of the sum
    scales = np.abs(wanted / np.where(sums == 0, 1, sums)).astype(np.float32) + np.float32(1e-30)
    np.testing.assert_array_equal(many(sums, scales, zero), reference(sums, scales, zero))


def test_ties_and_their_neighbours(many):
    """Sums and scales whose product lies within a few units of the last place of a half."""
    rng = np.random.default_rng(7)
    sums = rng.integers(1, 2**27, 400_000) * rng.choice([-1, 1], 400_000)
    halves = rng.integers(0, 256, 400_000) + 0.5
    scales = (halves / np.abs(sums)).astype(np.float32)
    for step in range(-3, 4):
        near = (scales.view(np.int32) + step).view(np.float32)
        np.testing.assert_array_equal(many(sums, near, 128), reference(sums, near, 128))


def test_every_sum_of_17_bits_at_powers_of_two(many):
    sums = np.arange(-(2**16), 2**16)
    for exponent in range(-20, 3):
        scales = np.full(len(sums), 2.0**exponent, np.float32)
        np.testing.assert_array_equal(many(sums, scales, 100), reference(sums, scales, 100))


@settings(max_examples=300)
@given(
    st.integers(-(2**31), 2**31 - 1),
    st.floats(2.0**-126, 2.0**100, width=32, allow_nan=False),
    st.integers(0, 255),
)
def test_any_sum_and_any_scale(many, value, scale, zero):
    assert many(np.array([value]), np.array([scale]), zero) == reference(np.array([value]), np.array([scale]), zero)


def test_single_rounding_would_be_another_arithmetic():
    """The planted fault these tests must catch: rounding the exact product once differs from float32's two steps."""
    rng = np.random.default_rng(7)
    sums = rng.integers(1, 2**27, 400_000)
    scales = ((rng.integers(0, 127, 400_000) + 0.5) / sums).astype(np.float32)
    once = np.rint(sums.astype(np.float64) * scales.astype(np.float64)).astype(np.uint8)
    assert (once != reference(sums, scales, 0)).any()
