"""Statistics of data that stay where they are: checked and merged exactly, in any order."""

import math
from dataclasses import dataclass

from slipway.errors import Reason, Refused

COUNT_LIMIT = 1 << 53


@dataclass(frozen=True)
class ChannelStatistics:
    """Count of samples; mean and sum of squared deviations for each channel, in its unit and its unit squared."""

    count: int
    mean: tuple[float, ...]
    sum_squared_deviation: tuple[float, ...]


def check(statistics: ChannelStatistics, channel_count: int) -> ChannelStatistics:
    """Return ``statistics`` if they can describe ``channel_count`` channels.

    Raises:
        Refused: FIELD_INVALID.
    """
    if not 0 < statistics.count <= COUNT_LIMIT:
        raise _invalid("count", f"needs 1 to {COUNT_LIMIT} samples", statistics.count)
    for name, values in (("mean", statistics.mean), ("sum_squared_deviation", statistics.sum_squared_deviation)):
        if len(values) != channel_count:
            raise _invalid(name, f"needs {channel_count} numbers, one for each channel", len(values))
        if not all(map(math.isfinite, values)):
            raise _invalid(name, "needs finite numbers", list(values))
    if min(statistics.sum_squared_deviation) < 0:
        raise _invalid("sum_squared_deviation", "needs 0 or more", min(statistics.sum_squared_deviation))
    return statistics


def merge(a: ChannelStatistics, b: ChannelStatistics) -> ChannelStatistics:
    """Statistics of both sets of samples together.

    Raises:
        Refused: FIELD_INVALID, if together they are too many or too large to count.

    Reference:
        Chan, Golub & LeVeque 1983, Algorithms for computing the sample variance.
    """
    count = a.count + b.count
    shift = [y - x for x, y in zip(a.mean, b.mean, strict=True)]
    mean = tuple(x + d * b.count / count for x, d in zip(a.mean, shift, strict=True))
    scatter = zip(a.sum_squared_deviation, b.sum_squared_deviation, shift, strict=True)
    between = a.count * b.count / count
    return check(ChannelStatistics(count, mean, tuple(x + y + d * d * between for x, y, d in scatter)), len(mean))


def _invalid(name: str, problem: str, found: object) -> Refused:
    remedy = "Send the count, mean and sum of squared deviations of the samples of every channel."
    return Refused(Reason.FIELD_INVALID, field=f"statistics.{name}", problem=problem, found=found, remedy=remedy)
