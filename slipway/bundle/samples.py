"""Self-test arrays as NPY 1.0 files: float32, C order, finite, and nothing that could be anything else."""

import io

import numpy as np
import numpy.typing as npt

from slipway.errors import Reason, Refused

HEADER_LIMIT_BYTES = 1024
_DTYPE = np.dtype("<f4")


def encode(array: npt.ArrayLike) -> bytes:
    """``array`` as an NPY file of float32."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array, _DTYPE), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def decode(data: bytes, shape: tuple[int, ...], limit: int, field: str) -> npt.NDArray[np.float32]:
    """The array of an NPY file, (count, *shape) with a count from 1 to ``limit``.

    Raises:
        Refused: BUNDLE_MALFORMED.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        found, columns, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=HEADER_LIMIT_BYTES)
    except Exception as error:  # NumPy parses the header as Python text and fails in many ways
        raise _malformed(field, f"has no NPY header ({type(error).__name__})") from None
    if version != (1, 0) or columns or dtype != _DTYPE:
        raise _malformed(field, f"needs little-endian float32 in C order, found {dtype}")
    if len(found) != 1 + len(shape) or found[1:] != shape or not 1 <= found[0] <= limit:
        raise _malformed(field, f"needs the shape (1 to {limit}, {', '.join(map(str, shape))}), found {found}")
    body = data[stream.tell() :]
    if len(body) != np.prod(found) * _DTYPE.itemsize:
        raise _malformed(field, f"holds {len(body)} bytes for the shape {found}")
    array = np.frombuffer(body, _DTYPE).reshape(found)
    if not np.isfinite(array).all():
        raise _malformed(field, "holds a number that is not finite")
    return array


def _malformed(field: str, problem: str) -> Refused:
    return Refused(Reason.BUNDLE_MALFORMED, field=field, problem=problem)
