"""Statistics of channels merge exactly, in any order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from slipway.errors import Refused
from slipway.statistics import ChannelStatistics, check, merge

SAMPLES = arrays.arrays(np.float64, st.tuples(st.integers(1, 20), st.just(3)), elements=st.floats(-1e3, 1e3))


def describe(samples: np.ndarray) -> ChannelStatistics:
    mean = samples.mean(0)
    return ChannelStatistics(len(samples), tuple(mean), tuple(((samples - mean) ** 2).sum(0)))


@given(SAMPLES, SAMPLES, SAMPLES)
def test_merging_equals_describing_all_samples(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    expected = describe(np.concatenate([a, b, c]))
    for parts in ((a, b, c), (c, a, b)):
        first, second, third = map(describe, parts)
        merged = merge(merge(first, second), third)
        assert merged.count == expected.count
        np.testing.assert_allclose(merged.mean, expected.mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(merged.sum_squared_deviation, expected.sum_squared_deviation, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize(
    "statistics",
    [
        ChannelStatistics(0, (0.0,), (0.0,)),
        ChannelStatistics(-3, (0.0,), (0.0,)),
        ChannelStatistics(1 << 60, (0.0,), (0.0,)),
        ChannelStatistics(1, (0.0, 0.0), (0.0,)),
        ChannelStatistics(1, (0.0,), ()),
        ChannelStatistics(1, (float("nan"),), (0.0,)),
        ChannelStatistics(1, (0.0,), (float("inf"),)),
        ChannelStatistics(1, (0.0,), (-1e-9,)),
    ],
)
def test_what_cannot_be_is_refused(statistics: ChannelStatistics) -> None:
    with pytest.raises(Refused):
        check(statistics, 1)


def test_a_merge_that_overflows_is_refused() -> None:
    low, high = ChannelStatistics(1, (-1e300,), (0.0,)), ChannelStatistics(1, (1e300,), (0.0,))
    with pytest.raises(Refused):
        merge(low, high)
