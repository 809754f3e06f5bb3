"""Which windows go on: all that carry an answer, none that says nothing, and a share of the rest drawn by content.

A lot by content needs no memory and no dice: the same window is drawn or not, on every gateway and after every restart.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from slipway.windows import Answers, Values, answered


def digests(values: Values) -> list[bytes]:
    """SHA-256 of each window (count, time, channels)."""
    return [hashlib.sha256(np.ascontiguousarray(window, "<f4").tobytes()).digest() for window in values]


def drawn(digest: bytes, share: float) -> bool:
    """Whether the window with this hash is in a ``share`` from 0 to 1."""
    return int.from_bytes(digest[:8], "big") < share * 2.0**64


def constant(values: Values) -> npt.NDArray[np.bool_]:
    """Which windows (count,) say nothing: no channel moves."""
    return np.asarray((values == values[:, :1]).all(axis=(1, 2)), np.bool_)


def chosen(values: Values, answers: Answers, share: float) -> list[tuple[int, bytes]]:
    """(index, hash) of the windows that go on, each content once."""
    told, still = answered(answers), constant(values)
    found: dict[bytes, int] = {}
    for index, digest in enumerate(digests(values)):
        if told[index] or (not still[index] and drawn(digest, share)):
            found.setdefault(digest, index)
    return [(index, digest) for digest, index in found.items()]
