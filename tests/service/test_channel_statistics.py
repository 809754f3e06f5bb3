"""Statistics of windows that are never sent: merged once, and each bad one refused."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from slipway.v1 import datasets_pb2 as pb
from slipway.v1 import spec_pb2
from tests.service.process import (
    TIMEOUT,
    ServerProcess,
    get_dataset,
    refusal,
)

Start = Callable[..., ServerProcess]


def statistics(count: int = 2, mean: Sequence[float] = (1.0, 2.0)) -> spec_pb2.ChannelStatistics:
    return spec_pb2.ChannelStatistics(count=count, mean=mean, sum_squared_deviation=[0.5, 0.5])


def describe(server: ServerProcess, name: str, request_id: str = "", **fields: Any) -> Any:
    request = pb.UploadStatisticsRequest(
        dataset=name, statistics=statistics(**fields), request_id=request_id or str(uuid.uuid4())
    )
    return server.datasets.UploadStatistics(request, timeout=TIMEOUT)


def test_statistics_merge_once_for_each_request(server: ServerProcess, name: str) -> None:
    request_id = str(uuid.uuid4())
    for _ in range(2):
        assert describe(server, name, request_id).statistics.count == 2
    merged = describe(server, name, mean=(3.0, 2.0)).statistics
    assert (merged.count, list(merged.mean), list(merged.sum_squared_deviation)) == (4, [2.0, 2.0], [5.0, 1.0])
    code, info, _ = refusal(lambda: describe(server, name, request_id, count=9))
    assert (code, info.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")


@pytest.mark.parametrize("fields", [{"count": 0}, {"mean": (1.0,)}, {"mean": (1.0, float("nan"))}])
def test_bad_statistics_are_refused(server: ServerProcess, name: str, fields: dict[str, Any]) -> None:
    assert refusal(lambda: describe(server, name, **fields))[0] == "INVALID_ARGUMENT"
    assert not get_dataset(server, name).HasField("statistics")


def test_statistics_need_a_request_id(server: ServerProcess, name: str) -> None:
    request = pb.UploadStatisticsRequest(dataset=name, statistics=statistics())
    _, info, _ = refusal(lambda: server.datasets.UploadStatistics(request, timeout=TIMEOUT))
    assert (info.reason, info.metadata["field"]) == ("FIELD_REQUIRED", "request_id")
