"""How much of a tensor a byte should cover: everything, all but some percent, or what keeps the squared error least.

A wide range rounds every number more coarsely, a narrow one cuts the largest off. Which matters more depends on the
tensor; the candidates are made here and the choice is the calibrator's.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from export.integer import Grid
from export.steps import Floats

MSE: Literal["mse"] = "mse"
Clip = float | Literal["mse"]  # percent of the numbers left out at each end of a range; or the least squared error
Range = tuple[float, float]  # (low, high), real numbers
SHRINKS = tuple(float(share) for share in np.linspace(1.0, 0.2, 33))  # of an end of the range, tried for ``MSE``
SEARCH_LIMIT = 65_536  # numbers of a tensor that the search looks at
_SPREAD_FLOOR = 1e-6  # no range is narrower, so that a constant tensor has a scale


def span(values: Floats, clip: Clip) -> Range:
    """(low, high) of a tensor.

    Args:
        values: any shape.
        clip: percent of the numbers left out at each end, or ``MSE``.

    Reference: Wu et al. 2020, "Integer Quantization for Deep Learning Inference", https://arxiv.org/abs/2004.09602, for
    percentiles; Sung et al. 2015, https://arxiv.org/abs/1511.06488, for the least squared error.
    """
    if clip == MSE:
        return least_squares(values)
    low, high = np.percentile(values, [clip, 100 - clip]) if clip else (values.min(), values.max())
    return float(low), float(high)


def grid(low: float, high: float, margin_steps: float = 0) -> Grid:
    """The bytes that cover ``low`` to ``high`` and, exactly, zero; a degenerate range still has a scale."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32(max(high - low, _SPREAD_FLOOR) / (255 - 2 * margin_steps))
    return Grid(scale, int(np.clip(np.rint(margin_steps - low / scale), 0, 255)))


def least_squares(values: Floats) -> Range:
    """The range whose bytes differ least from ``values`` in mean square, of those that shrink the whole range.

    Both ends shrink together first, then each by itself; an even spread of ``SEARCH_LIMIT`` numbers is looked at.
    """
    flat = values.ravel()
    seen = flat[:: -(-len(flat) // SEARCH_LIMIT) | 1]  # odd, so that it does not keep step with the samples of a window
    low, high = min(float(flat.min()), 0.0), max(float(flat.max()), 0.0)
    best = min(((low * share, high * share) for share in SHRINKS), key=lambda ends: squared_error(seen, *ends))
    return min(_neighbours(best, low, high), key=lambda ends: squared_error(seen, *ends))


def squared_error(values: Floats, low: float, high: float) -> float:
    """Mean squared difference between ``values`` and their bytes on the grid of ``low`` to ``high``."""
    rounded = grid(low, high)
    return float(np.square(rounded.real(rounded.quantize(values)) - values, dtype=np.float64).mean())


def _neighbours(best: Range, low: float, high: float) -> Iterator[Range]:
    yield best
    if low < 0 < high:  # else one end is zero and the first search was all
        yield from ((low * share, best[1]) for share in SHRINKS)
        yield from ((best[0], high * share) for share in SHRINKS)
