"""Sufficient statistics: what a device may send in place of its windows.

A ``Sums`` holds how many rows there were, their sum, and the sum of their squares or products, all without rounding.
Merged in any order and from any partition of the rows it is the same value with the same bytes, and what is computed
from it loses nothing to cancellation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adapters.sums import exact
from adapters.sums.exact import UNIT_BITS
from slipway.errors import Reason, Refused

COUNT_LIMIT = 2**48
CHANNEL_LIMIT = 4096
PAIRED_CHANNEL_LIMIT = 1024  # with the products of every two channels
_LARGEST = 2**277  # over any finite float32, in units of 2^-149

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sums:
    """Sums over rows of channels.

    Args:
        count: how many rows, at least 1.
        sum: (channels,), Σ x in units of 2^-149.
        outer: in units of 2^-298, either (channels,), Σ x², or the lower triangle of Σ xᵀx row by row:
            (channels · (channels + 1) / 2,).

    Raises:
        Refused: LIMIT_EXCEEDED; FIELD_INVALID, sums that no rows can have: a second moment that is not positive
            semi-definite.
    """

    count: int
    sum: tuple[int, ...]
    outer: tuple[int, ...]

    def __post_init__(self) -> None:
        channels = len(self.sum)
        _limit("sums.count", self.count, COUNT_LIMIT)
        _limit("sums.sum", channels, PAIRED_CHANNEL_LIMIT if self.paired else CHANNEL_LIMIT)
        _need(self.count >= 1 and channels >= 1, "needs at least one row of one channel", (self.count, channels))
        _need(
            len(self.outer) in (channels, channels * (channels + 1) // 2),
            f"needs a square for each of {channels} channels, or a product for every two",
            len(self.outer),
        )
        _need(max(map(abs, self.sum)) < self.count * _LARGEST, "a sum is over what finite numbers give", self.count)
        _need(max(map(abs, self.outer)) < self.count * _LARGEST**2, "a product is over what finite numbers give", "it")
        _check_moments(self)

    @property
    def channels(self) -> int:
        """How many numbers a row has."""
        return len(self.sum)

    @property
    def paired(self) -> bool:
        """Whether it knows the products of every two channels."""
        return len(self.outer) != len(self.sum) or len(self.sum) == 1


def sums_of(rows: npt.ArrayLike, *, paired: bool = False) -> Sums:
    """The sums of ``rows`` (count, channels), float32.

    Args:
        paired: with the products of every two channels, as CORAL needs; a normalisation needs the squares only.

    Raises:
        Refused: FIELD_INVALID, rows of another shape, none, or a number that is not finite.
    """
    array = np.asarray(rows, np.float32)
    _need(array.ndim == 2 and array.size > 0, "needs rows (count, channels)", array.shape)
    finite = np.isfinite(array)
    if not finite.all():
        row, channel = (int(i) for i in np.argwhere(~finite)[0])
        _need(False, f"row {row}, channel {channel} is not finite", float(array[row, channel]))
    outer = exact.column_products(array)[np.tril_indices(array.shape[1])] if paired else exact.column_squares(array)
    return Sums(len(array), tuple(exact.column_sums(array).tolist()), tuple(outer.tolist()))


def merged(parts: Sequence[Sums]) -> Sums:
    """The sums of all rows of ``parts`` together, whatever their order.

    Raises:
        Refused: FIELD_INVALID, no parts, or parts of different channels or kinds; LIMIT_EXCEEDED.
    """
    _need(len(parts) > 0, "needs at least one part", 0)
    sizes = {(part.channels, len(part.outer)) for part in parts}
    _need(len(sizes) == 1, "parts differ in their channels, or in whether they know products", sorted(sizes))
    return Sums(
        sum(part.count for part in parts),
        tuple(map(sum, zip(*(part.sum for part in parts), strict=True))),
        tuple(map(sum, zip(*(part.outer for part in parts), strict=True))),
    )


def mean_and_variance(sums: Sums) -> tuple[Doubles, Doubles]:
    """Mean and variance (channels,), each rounded once."""
    return _mean(sums), np.array([_divided(sums, _centred(sums, i, i)) for i in range(sums.channels)])


def mean_and_covariance(sums: Sums) -> tuple[Doubles, Doubles]:
    """Mean (channels,) and covariance (channels, channels), divided by the count; each number rounded once.

    Raises:
        Refused: FIELD_INVALID, sums without the products.
    """
    _need(sums.paired, "the covariance needs the products of every two channels", len(sums.outer))
    lower = np.zeros((sums.channels, sums.channels))
    for i in range(sums.channels):
        lower[i, : i + 1] = [_divided(sums, _centred(sums, i, j)) for j in range(i + 1)]
    return _mean(sums), lower + np.tril(lower, -1).T


def _mean(sums: Sums) -> Doubles:
    return np.array([total / (sums.count << UNIT_BITS) for total in sums.sum])


def _centred(sums: Sums, i: int, j: int) -> int:
    """count² times the covariance of channels i ≥ j, in units of 2^-298."""
    place = i * (i + 1) // 2 + j if sums.paired else i
    return sums.count * sums.outer[place] - sums.sum[i] * sums.sum[j]


def _divided(sums: Sums, centred: int) -> float:
    # Python divides integers with one rounding, so nothing is lost where a mean is far larger than a deviation.
    return centred / (sums.count**2 << 2 * UNIT_BITS)


def _check_moments(sums: Sums) -> None:
    own = [_centred(sums, i, i) for i in range(sums.channels)]
    for i, variance in enumerate(own):
        _need(variance >= 0, "a variance is under 0", f"channel {i}")
    if not sums.paired:
        return
    for i in range(sums.channels):
        for j in range(i):
            _need(_centred(sums, i, j) ** 2 <= own[i] * own[j], "a correlation is over 1", f"channels {j} and {i}")
    _, covariance = mean_and_covariance(sums)
    deviation = np.sqrt(np.diag(covariance))
    scale = np.where(deviation > 0, deviation, 1.0)
    least = float(np.linalg.eigvalsh(covariance / scale[:, None] / scale).min())
    # Each correlation is right to a few units in the last place, and so is the solver's answer.
    _need(least >= -16 * sums.channels * float(np.finfo(np.float64).eps), "the covariance is not positive", least)


def _limit(field: str, found: int, limit: int) -> None:
    if found > limit:
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=found, limit=limit)


def _need(condition: bool, problem: str, found: object) -> None:
    if not condition:
        remedy = "Compute the sums from finite windows with the same function, and send them unchanged."
        raise Refused(Reason.FIELD_INVALID, field="sums", problem=problem, found=found, remedy=remedy)
