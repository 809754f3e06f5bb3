"""Datasets and uploads over real gRPC: good ones, and each bad one with its reason and nothing stored."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc
import numpy as np
import pytest

from slipway.v1 import datasets_pb2 as pb
from slipway.v1 import spec_pb2
from tests.service.process import (
    SENSOR,
    TIMEOUT,
    WINDOW_BYTES,
    ServerProcess,
    batch,
    batches,
    create_dataset,
    get_dataset,
    header,
    refusal,
    upload,
    wait_for,
    windows,
)

Start = Callable[..., ServerProcess]


@pytest.fixture
def name(server: ServerProcess) -> str:
    """A new dataset."""
    return create_dataset(server, f"d{uuid.uuid4().hex[:12]}")


def sensor(**changes: Any) -> spec_pb2.SensorSpec:
    changed = spec_pb2.SensorSpec()
    changed.CopyFrom(SENSOR)
    for key, value in changes.items():
        if key == "channels":
            del changed.channels[:]
            changed.channels.extend(spec_pb2.Channel(name=name, unit=unit) for name, unit in value)
        else:
            setattr(changed, key, value)
    return changed


def create(server: ServerProcess, request_id: str = "", dataset_id: str = "", **dataset: Any) -> Any:
    message = pb.Dataset(**{"sensor": SENSOR, **dataset})
    request = pb.CreateDatasetRequest(dataset_id=dataset_id, dataset=message, request_id=request_id)
    return server.datasets.CreateDataset(request, timeout=TIMEOUT)


def send(server: ServerProcess, messages: Sequence[pb.UploadWindowsRequest]) -> Any:
    return server.datasets.UploadWindows(iter(messages), timeout=TIMEOUT)


def status_of(server: ServerProcess, dataset: str, upload_id: str) -> Any:
    return server.datasets.GetUpload(pb.GetUploadRequest(name=f"{dataset}/uploads/{upload_id}"), timeout=TIMEOUT)


def test_create_get_list_delete(server: ServerProcess) -> None:
    made = create(server, dataset_id="kitchen", display_name="The kitchen", classes=["go", "stop"])
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
    first = create(server, request_id, "once", classes=["go", "stop"])
    assert create(server, request_id, "once", classes=["go", "stop"]) == first
    code, info, _ = refusal(lambda: create(server, request_id, "twice"))
    assert (code, info.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    code, info, _ = refusal(lambda: create(server, str(uuid.uuid4()), "once"))
    assert (code, info.reason) == ("ALREADY_EXISTS", "DATASET_EXISTS")


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"dataset_id": "Upper"}, "SPEC_INVALID", "dataset_id"),
        ({"dataset_id": ""}, "SPEC_INVALID", "dataset_id"),
        ({"dataset_id": "../x"}, "SPEC_INVALID", "dataset_id"),
        ({"sensor": None}, "FIELD_REQUIRED", "dataset.sensor"),
        ({"sensor": sensor(rate_hz=0.0)}, "SPEC_INVALID", "dataset.sensor.rate_hz"),
        ({"sensor": sensor(rate_hz=float("nan"))}, "SPEC_INVALID", "dataset.sensor.rate_hz"),
        ({"sensor": sensor(window_length=-1)}, "SPEC_INVALID", "dataset.sensor.window_length"),
        ({"sensor": sensor(channels=[])}, "SPEC_INVALID", "dataset.sensor.channels"),
        ({"sensor": sensor(channels=[("a", "m"), ("a", "m")])}, "SPEC_INVALID", "dataset.sensor.channels"),
        (
            {"sensor": sensor(window_length=65_536, channels=[(f"c{i}", "m") for i in range(32)])},
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
    code, info, _ = refusal(lambda: create(server, **{"dataset_id": "bad", **fields}))
    assert (code, info.reason, info.metadata["field"]) == ("INVALID_ARGUMENT", reason, field)
    assert info.metadata["remedy"]
    after = len(server.datasets.ListDatasets(pb.ListDatasetsRequest(page_size=1000), timeout=TIMEOUT).datasets)
    assert after == before


def test_windows_arrive(server: ServerProcess, name: str) -> None:
    sent = upload(server, name, windows(10), [0, 1, 1, -1, 0, 1, 1, 1, -1, 0])
    assert sent.state == pb.Upload.COMPLETE
    assert (sent.committed_count, sent.window_count, len(sent.sha256)) == (10, 10, 64)
    dataset = get_dataset(server, name)
    assert (dataset.window_count, list(dataset.label_counts)) == (10, [3, 5])
    upload(server, name, windows(3, seed=1))
    dataset = get_dataset(server, name)
    assert (dataset.window_count, list(dataset.label_counts)) == (13, [3, 5])


def test_what_lies_on_the_disk_is_what_was_sent(server: ServerProcess, name: str) -> None:
    values, labels = windows(10), [0, 1, 1, -1, 0, 1, 1, 1, -1, 0]
    sha256 = upload(server, name, values, labels).sha256
    records = np.load(server.folder / "blobs" / sha256[:2] / sha256)
    np.testing.assert_array_equal(records["values"], values)
    assert records["label"].tolist() == labels


def test_the_same_upload_again_adds_nothing(server: ServerProcess, name: str) -> None:
    upload_id = str(uuid.uuid4())
    first = upload(server, name, windows(4), upload_id=upload_id)
    assert upload(server, name, windows(4), upload_id=upload_id) == first
    assert status_of(server, name, upload_id) == first
    assert get_dataset(server, name).window_count == 4


def test_an_upload_larger_than_any_message(server: ServerProcess, name: str) -> None:
    values = windows(400_000)  # 9.6 MB
    messages = iter([header(name, len(values)), *batches(values, size=40_000)])
    assert server.datasets.UploadWindows(messages, timeout=TIMEOUT).state == pb.Upload.COMPLETE
    assert get_dataset(server, name).window_count == 400_000


def test_a_stream_that_ends_early_is_resumed(server: ServerProcess, name: str) -> None:
    upload_id, values = str(uuid.uuid4()), windows(10)
    code, info, _ = refusal(lambda: send(server, [header(name, 10, upload_id), *batches(values[:8])]))
    assert (code, info.reason) == ("FAILED_PRECONDITION", "UPLOAD_INCOMPLETE")
    assert get_dataset(server, name).window_count == 0, "nothing enters before the last window"
    found = status_of(server, name, upload_id)
    assert (found.state, found.committed_count) == (pb.Upload.RECEIVING, 8)
    send(server, [header(name, 10, upload_id), *batches(values, first=8)])
    assert get_dataset(server, name).window_count == 10


def test_a_stream_that_is_cut_is_resumed(server: ServerProcess, name: str) -> None:
    upload_id, values = str(uuid.uuid4()), windows(10)

    def endless() -> Iterator[pb.UploadWindowsRequest]:
        yield header(name, 10, upload_id)
        yield batch(0, values[:6])
        wait_for(lambda: cut)

    cut: list[bool] = []
    call = server.datasets.UploadWindows.future(endless(), timeout=TIMEOUT)
    wait_for(lambda: (server.folder / "uploads" / f"{upload_id}.part").exists())
    wait_for(lambda: (server.folder / "uploads" / f"{upload_id}.part").stat().st_size)
    call.cancel()
    cut.append(True)
    count = wait_for(lambda: status_of(server, name, upload_id)).committed_count
    assert count in (0, 6)
    count = resume(server, name, upload_id, values)
    assert count == 10 and get_dataset(server, name).window_count == 10


def resume(server: ServerProcess, dataset: str, upload_id: str, values: np.ndarray) -> int:
    """What a client does: ask where the upload stands, go on there."""
    first = status_of(server, dataset, upload_id).committed_count
    try:
        return int(
            send(server, [header(dataset, len(values), upload_id), *batches(values, first=first)]).committed_count
        )
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.ABORTED
        return resume(server, dataset, upload_id, values)


def test_the_newest_stream_of_an_upload_wins(server: ServerProcess, name: str) -> None:
    upload_id, values, go_on = str(uuid.uuid4()), windows(8), []

    def slow() -> Iterator[pb.UploadWindowsRequest]:
        yield header(name, 8, upload_id)
        yield batch(0, values[:4])
        wait_for(lambda: go_on)
        yield batch(4, values[4:])

    old = server.datasets.UploadWindows.future(slow(), timeout=TIMEOUT)
    wait_for(lambda: (server.folder / "uploads" / f"{upload_id}.part").exists())
    assert resume(server, name, upload_id, values) == 8
    go_on.append(True)
    outcome = refusal_or_upload(old)
    assert outcome in ("UPLOAD_TAKEN_OVER", "COMPLETE")
    assert get_dataset(server, name).window_count == 8


def refusal_or_upload(call: Any) -> str:
    """How a call ended that may be refused or find the upload complete."""
    try:
        return str(pb.Upload.State.Name(call.result(TIMEOUT).state))
    except grpc.RpcError:
        return str(refusal(lambda: call.result(TIMEOUT))[1].reason)


GOOD = windows(4)


def spoiled(value: float) -> np.ndarray:
    values = GOOD.copy()
    values[2, 1, 1] = value
    return values


@pytest.mark.parametrize(
    ("messages", "code", "reason", "field"),
    [
        (lambda d: [], "INVALID_ARGUMENT", "FIELD_REQUIRED", "header"),
        (lambda d: [batch(0, GOOD)], "INVALID_ARGUMENT", "FIELD_REQUIRED", "header"),
        (lambda d: [pb.UploadWindowsRequest()], "INVALID_ARGUMENT", "FIELD_REQUIRED", "header"),
        (lambda d: [header(d, 4), header(d, 4)], "INVALID_ARGUMENT", "FIELD_INVALID", "header"),
        (lambda d: [header(d, 4), pb.UploadWindowsRequest()], "INVALID_ARGUMENT", "FIELD_REQUIRED", "batch"),
        (lambda d: [header("datasets/nobody", 4)], "NOT_FOUND", "DATASET_NOT_FOUND", "header.dataset"),
        (lambda d: [header("nonsense", 4)], "INVALID_ARGUMENT", "FIELD_INVALID", "header.dataset"),
        (lambda d: [header(d, 4, "no uuid")], "INVALID_ARGUMENT", "FIELD_INVALID", "header.upload_id"),
        (lambda d: [header(d, 0)], "INVALID_ARGUMENT", "FIELD_INVALID", "header.window_count"),
        (lambda d: [header(d, -5)], "INVALID_ARGUMENT", "FIELD_INVALID", "header.window_count"),
        (lambda d: [header(d, 10**8)], "INVALID_ARGUMENT", "LIMIT_EXCEEDED", "header.window_count"),
        (lambda d: [header(d, 4, sensor=None)], "INVALID_ARGUMENT", "FIELD_REQUIRED", "header.sensor"),
        (
            lambda d: [header(d, 4, sensor=sensor(rate_hz=20.0))],
            "INVALID_ARGUMENT",
            "RATE_MISMATCH",
            "header.sensor.rate_hz",
        ),
        (
            lambda d: [header(d, 4, sensor=sensor(channels=[("left", "m")]))],
            "INVALID_ARGUMENT",
            "WINDOW_SHAPE_MISMATCH",
            "header.sensor",
        ),
        (
            lambda d: [header(d, 4, sensor=sensor(window_length=4))],
            "INVALID_ARGUMENT",
            "WINDOW_SHAPE_MISMATCH",
            "header.sensor",
        ),
        (
            lambda d: [header(d, 4, sensor=sensor(channels=[("left", "m"), ("right", "cm")]))],
            "INVALID_ARGUMENT",
            "SENSOR_MISMATCH",
            "header.sensor.channels",
        ),
        (lambda d: [header(d, 4), batch(0, b"")], "INVALID_ARGUMENT", "FIELD_REQUIRED", "batch.values"),
        (
            lambda d: [header(d, 4), batch(0, bytes(WINDOW_BYTES + 1))],
            "INVALID_ARGUMENT",
            "FIELD_INVALID",
            "batch.values",
        ),
        (lambda d: [header(d, 4), batch(1, GOOD[1:])], "ABORTED", "UPLOAD_OFFSET_MISMATCH", "batch.offset"),
        (lambda d: [header(d, 4), batch(-1, GOOD)], "ABORTED", "UPLOAD_OFFSET_MISMATCH", "batch.offset"),
        (lambda d: [header(d, 3), batch(0, GOOD)], "INVALID_ARGUMENT", "FIELD_INVALID", "batch.values"),
        (
            lambda d: [header(d, 4), batch(0, spoiled(np.nan))],
            "INVALID_ARGUMENT",
            "SAMPLE_NOT_FINITE",
            "batch.values",
        ),
        (
            lambda d: [header(d, 4), batch(0, spoiled(-np.inf))],
            "INVALID_ARGUMENT",
            "SAMPLE_NOT_FINITE",
            "batch.values",
        ),
        (lambda d: [header(d, 4), batch(0, GOOD, [0, 1])], "INVALID_ARGUMENT", "FIELD_INVALID", "batch.labels"),
        (
            lambda d: [header(d, 4), batch(0, GOOD, [0, 1, 2, 0])],
            "INVALID_ARGUMENT",
            "LABEL_OUTSIDE_CLASSES",
            "batch.labels",
        ),
        (
            lambda d: [header(d, 4), batch(0, GOOD, [0, 1, -2, 0])],
            "INVALID_ARGUMENT",
            "LABEL_OUTSIDE_CLASSES",
            "batch.labels",
        ),
    ],
)
def test_bad_input_is_refused_and_nothing_is_stored(
    server: ServerProcess, name: str, messages: Any, code: str, reason: str, field: str
) -> None:
    found_code, info, status = refusal(lambda: send(server, messages(name)))
    assert (found_code, info.reason, info.metadata["field"]) == (code, reason, field)
    assert info.metadata["remedy"] and status.message.startswith(field)
    assert get_dataset(server, name).window_count == 0


def test_the_refusal_of_a_sample_names_it(server: ServerProcess, name: str) -> None:
    _, _, status = refusal(lambda: send(server, [header(name, 8), batch(0, GOOD), batch(4, spoiled(np.inf))]))
    assert status.message == "batch.values: window 6 holds inf at sample 1, channel right."


def test_the_refusal_of_an_offset_says_the_right_one(server: ServerProcess, name: str) -> None:
    _, info, _ = refusal(lambda: send(server, [header(name, 8), batch(0, GOOD), batch(5, GOOD[:3])]))
    assert info.metadata["remedy"] == "Go on at window 4."


def test_labels_need_classes(server: ServerProcess) -> None:
    unlabelled = create_dataset(server, "unlabelled", classes=())
    _, info, _ = refusal(lambda: upload(server, unlabelled, GOOD, [0, 0, 0, 0]))
    assert (info.reason, info.metadata["field"]) == ("FIELD_INVALID", "batch.labels")
    assert upload(server, unlabelled, GOOD, [-1, -1, -1, -1]).state == pb.Upload.COMPLETE


def test_an_upload_id_belongs_to_one_upload(server: ServerProcess, name: str) -> None:
    upload_id = str(uuid.uuid4())
    refusal(lambda: send(server, [header(name, 4, upload_id)]))
    code, info, _ = refusal(lambda: send(server, [header(name, 5, upload_id)]))
    assert (code, info.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")


def test_limits_are_settings(start_server: Start) -> None:
    small = start_server(
        upload_window_limit=10**15, upload_size_limit_bytes=10**17, open_upload_limit=2, message_limit_bytes=70_000
    )
    name = create_dataset(small, "d")
    code, info, _ = refusal(lambda: send(small, [header(name, 10**14)]))
    assert (code, info.reason) == ("RESOURCE_EXHAUSTED", "STORAGE_FULL")
    code, info, _ = refusal(lambda: send(small, [header(name, 10**16 // 2)]))
    assert (code, info.reason) == ("INVALID_ARGUMENT", "LIMIT_EXCEEDED")
    for _ in range(2):
        refusal(lambda: send(small, [header(name, 4)]))
    code, info, _ = refusal(lambda: send(small, [header(name, 4)]))
    assert (code, info.reason) == ("RESOURCE_EXHAUSTED", "UPLOADS_EXHAUSTED")
    with pytest.raises(grpc.RpcError) as caught:
        send(small, [header(name, 4), batch(0, bytes(80_000))])
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, "gRPC's own limit"


def test_deleting_a_dataset_frees_its_files_unless_another_one_has_the_same(server: ServerProcess) -> None:
    first, second = create_dataset(server, "twin-a"), create_dataset(server, "twin-b")
    same = windows(6, seed=77)
    sha256 = upload(server, first, same).sha256
    assert upload(server, second, same).sha256 == sha256
    path = server.folder / "blobs" / sha256[:2] / sha256
    for name, kept in ((first, True), (second, False)):
        server.datasets.DeleteDataset(pb.DeleteDatasetRequest(name=name), timeout=TIMEOUT)
        assert path.exists() == kept
    assert refusal(lambda: server.datasets.DeleteDataset(pb.DeleteDatasetRequest(name=first)))[0] == "NOT_FOUND"


def test_an_upload_under_way_ends_with_its_dataset(server: ServerProcess, name: str) -> None:
    upload_id = str(uuid.uuid4())
    refusal(lambda: send(server, [header(name, 8, upload_id), batch(0, GOOD)]))
    server.datasets.DeleteDataset(pb.DeleteDatasetRequest(name=name), timeout=TIMEOUT)
    assert refusal(lambda: status_of(server, name, upload_id))[1].reason == "UPLOAD_NOT_FOUND"
    assert not (server.folder / "uploads" / f"{upload_id}.part").exists()


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
