"""Tensors as the Open Inference Protocol sends them: elements row by row, little-endian, as bytes or as numbers.

Reading checks shapes and lengths; whether the samples are finite is checked where the graph runs, off the event loop.
"""

import struct
from collections.abc import Iterable, Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from service.inference.refusals import wrong
from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec
from slipway.windows import Values

LENGTH = struct.Struct("<I")  # before each element of BYTES


def windows_from_raw(data: bytes, shape: Sequence[int], sensor: SensorSpec, limit: int, field: str) -> Values:
    """Windows (count, time, channels) from little-endian float32 bytes.

    Args:
        shape: as the request says.
        limit: windows in one request.

    Raises:
        Refused: WINDOW_SHAPE_MISMATCH, LIMIT_EXCEEDED, or FIELD_INVALID for another length.
    """
    expected = _expected(shape, sensor, limit, field)
    if len(data) != 4 * prod(expected):
        raise _length(field, f"{4 * prod(expected)} bytes of float32", f"{len(data)} bytes")
    return np.frombuffer(data, "<f4").reshape(expected)


def windows_from_numbers(
    numbers: Sequence[float], shape: Sequence[int], sensor: SensorSpec, limit: int, field: str
) -> Values:
    """Windows (count, time, channels) from a list of numbers.

    Raises:
        Refused: as ``windows_from_raw``.
    """
    expected = _expected(shape, sensor, limit, field)
    if len(numbers) != prod(expected):
        raise _length(field, f"{prod(expected)} numbers in fp32_contents", len(numbers))
    return np.array(numbers, np.float32).reshape(expected)


def to_raw(values: npt.NDArray[np.float32]) -> bytes:
    """Little-endian float32 bytes, row by row."""
    return values.astype("<f4", copy=False).tobytes()


def texts_to_raw(elements: Iterable[bytes]) -> bytes:
    """Elements of BYTES, each with its length before it."""
    return b"".join(LENGTH.pack(len(element)) + element for element in elements)


def likeliest(logits: npt.NDArray[np.float32], classes: Sequence[str], count: int) -> list[bytes]:
    """The ``count`` largest of each row of logits (windows, classes) as ``"logit:index:class"``, largest first.

    Of equal logits the class with the smaller index comes first.
    """
    order = np.argsort(-logits, axis=1, kind="stable")[:, :count]
    return [
        f"{row[index]:f}:{index}:{classes[index]}".encode()
        for row, indices in zip(logits, order, strict=True)
        for index in indices
    ]


def _expected(shape: Sequence[int], sensor: SensorSpec, limit: int, field: str) -> tuple[int, ...]:
    """The shape, if it is one of windows of the sensor."""
    count, *rest = found = tuple(shape) or (0,)
    if len(found) != 3 or tuple(rest) != sensor.window_shape:
        sent = tuple(rest) if len(found) == 3 else tuple(shape)
        raise Refused(Reason.WINDOW_SHAPE_MISMATCH, field=f"{field}.shape", found=sent, expected=sensor.window_shape)
    if count < 1:
        raise wrong(f"{field}.shape", "needs one window or more", count, "Send a shape (windows, time, channels).")
    if count > limit:
        raise Refused(Reason.LIMIT_EXCEEDED, field=f"{field}.shape", found=f"{count} windows", limit=limit)
    return found


def _length(field: str, expected: str, found: object) -> Refused:
    return wrong(field, f"the shape needs {expected}", found, "Send one element for each place of the shape.")
