"""Devices that hear of something new in one moment ask for it over a while."""

import pytest
from google.protobuf.duration_pb2 import Duration

from slipway import spread


@pytest.mark.parametrize(("count", "seconds"), [(0, 0.0), (1, 0.002), (10_000, 20.0), (10**9, 60.0)])
def test_it_grows_with_their_number_up_to_a_minute(count: int, seconds: float) -> None:
    assert spread.seconds(spread.length(count)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("given", "seconds"), [((0, 0), 0.0), ((-5, -1), 0.0), ((1 << 62, 0), 60.0), ((0, 2**31 - 1), 2.147483647)]
)
def test_whatever_a_server_sends_is_kept_within_bounds(given: tuple[int, int], seconds: float) -> None:
    assert spread.seconds(Duration(seconds=given[0], nanos=given[1])) == seconds
