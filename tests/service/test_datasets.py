"""Datasets over real gRPC: created, listed, deleted, and each bad one refused with its reason."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from slipway.v1 import datasets_pb2 as pb
from tests.service.process import (
    SENSOR,
    TIMEOUT,
    ServerProcess,
    create_dataset,
    created,
    get_dataset,
    refusal,
    sensor_with,
)

Start = Callable[..., ServerProcess]


def test_create_get_list_delete(server: ServerProcess) -> None:
    made = created(server, dataset_id="kitchen", display_name="The kitchen", classes=["go", "stop"])
    assert made.name == "datasets/kitchen"
    assert made.sensor == SENSOR
    assert list(made.label_counts) == [0, 0]
    assert made.create_time.seconds > 1_600_000_000
    assert get_dataset(server, made.name) == made
    server.datasets.DeleteDataset(pb.DeleteDatasetRequest(name=made.name), timeout=TIMEOUT)
    assert refusal(lambda: get_dataset(server, made.name))[0] == "NOT_FOUND"


def test_lists_come_in_pages(server: ServerProcess) -> None:
    wanted = {create_dataset(server, f"page{number}") for number in range(5)}
    found, token, pages = [], "", 0
    while True:
        request = pb.ListDatasetsRequest(page_size=2, page_token=token)
        page = server.datasets.ListDatasets(request, timeout=TIMEOUT)
        found += [dataset.name for dataset in page.datasets]
        token, pages = page.next_page_token, pages + 1
        if not token:
            break
    assert wanted <= set(found)
    assert found == sorted(found) and len(found) == len(set(found))
    assert pages == -(-len(found) // 2)


@pytest.mark.parametrize("request_fields", [{"page_token": "x"}, {"page_token": "bm8="}, {"page_size": -1}])
def test_a_bad_page_is_refused(server: ServerProcess, request_fields: dict[str, Any]) -> None:
    request = pb.ListDatasetsRequest(**request_fields)
    assert refusal(lambda: server.datasets.ListDatasets(request, timeout=TIMEOUT))[0] == "INVALID_ARGUMENT"


def test_a_repeated_request_id_creates_once(server: ServerProcess) -> None:
    request_id = str(uuid.uuid4())
    first = created(server, request_id, "once", classes=["go", "stop"])
    assert created(server, request_id, "once", classes=["go", "stop"]) == first
    code, info, _ = refusal(lambda: created(server, request_id, "twice"))
    assert (code, info.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    code, info, _ = refusal(lambda: created(server, str(uuid.uuid4()), "once"))
    assert (code, info.reason) == ("ALREADY_EXISTS", "DATASET_EXISTS")


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"dataset_id": "Upper"}, "SPEC_INVALID", "dataset_id"),
        ({"dataset_id": ""}, "SPEC_INVALID", "dataset_id"),
        ({"dataset_id": "../x"}, "SPEC_INVALID", "dataset_id"),
        ({"sensor": None}, "FIELD_REQUIRED", "dataset.sensor"),
        ({"sensor": sensor_with(rate_hz=0.0)}, "SPEC_INVALID", "dataset.sensor.rate_hz"),
        ({"sensor": sensor_with(rate_hz=float("nan"))}, "SPEC_INVALID", "dataset.sensor.rate_hz"),
        ({"sensor": sensor_with(window_length=-1)}, "SPEC_INVALID", "dataset.sensor.window_length"),
        ({"sensor": sensor_with(channels=[])}, "SPEC_INVALID", "dataset.sensor.channels"),
        ({"sensor": sensor_with(channels=[("a", "m"), ("a", "m")])}, "SPEC_INVALID", "dataset.sensor.channels"),
        (
            {"sensor": sensor_with(window_length=65_536, channels=[(f"c{i}", "m") for i in range(32)])},
            "LIMIT_EXCEEDED",
            "dataset.sensor",
        ),
        ({"classes": ["only one"]}, "SPEC_INVALID", "dataset.classes"),
        ({"classes": ["a", "a"]}, "SPEC_INVALID", "dataset.classes"),
        ({"display_name": "x" * 201}, "LIMIT_EXCEEDED", "dataset.display_name"),
        ({"request_id": "not a uuid"}, "FIELD_INVALID", "request_id"),
    ],
)
def test_a_bad_dataset_is_refused(server: ServerProcess, fields: dict[str, Any], reason: str, field: str) -> None:
    before = len(server.datasets.ListDatasets(pb.ListDatasetsRequest(page_size=1000), timeout=TIMEOUT).datasets)
    code, info, _ = refusal(lambda: created(server, **{"dataset_id": "bad", **fields}))
    assert (code, info.reason, info.metadata["field"]) == ("INVALID_ARGUMENT", reason, field)
    assert info.metadata["remedy"]
    after = len(server.datasets.ListDatasets(pb.ListDatasetsRequest(page_size=1000), timeout=TIMEOUT).datasets)
    assert after == before
