"""Numbers as C literals that a compiler reads back bit for bit."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

_WIDTH = 116


def literals(array: npt.NDArray[Any]) -> str:
    """The numbers of an initialiser, wrapped into lines."""
    return "\n".join(_lines([literal(number) for number in array.ravel()]))


def literal(number: Any) -> str:
    """One number: floats in hexadecimal, the least int32 without an overflow."""
    if isinstance(number, np.floating):
        return _float(float(number))
    if isinstance(number, np.uint32):
        return f"0x{int(number):08X}u"
    return "(-2147483647 - 1)" if int(number) == -(2**31) else str(int(number))


def _float(number: float) -> str:
    if np.isinf(number):
        return "INFINITY" if number > 0 else "-INFINITY"
    return f"{number.hex()}f"


def _lines(words: list[str]) -> Iterator[str]:
    line = "   "
    for word in words:
        if len(line) + len(word) + 2 > _WIDTH:
            yield line
            line = "   "
        line += f" {word},"
    yield line
