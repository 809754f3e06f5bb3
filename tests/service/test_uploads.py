"""Uploads of windows over real gRPC: good ones, resumed ones, and each bad one with its reason and nothing stored."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc
import numpy as np
import pytest

from slipway.v1 import datasets_pb2 as pb
from tests.service.process import (
    TIMEOUT,
    WINDOW_BYTES,
    ServerProcess,
    batch,
    batches,
    create_dataset,
    get_dataset,
    header,
    refusal,
    sensor_with,
    upload,
    wait_for,
    windows,
)

Start = Callable[..., ServerProcess]


def send(server: ServerProcess, messages: Sequence[pb.UploadWindowsRequest]) -> Any:
    return server.datasets.UploadWindows(iter(messages), timeout=TIMEOUT)


def status_of(server: ServerProcess, dataset: str, upload_id: str) -> Any:
    return server.datasets.GetUpload(pb.GetUploadRequest(name=f"{dataset}/uploads/{upload_id}"), timeout=TIMEOUT)


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
            lambda d: [header(d, 4, sensor=sensor_with(rate_hz=20.0))],
            "INVALID_ARGUMENT",
            "RATE_MISMATCH",
            "header.sensor.rate_hz",
        ),
        (
            lambda d: [header(d, 4, sensor=sensor_with(channels=[("left", "m")]))],
            "INVALID_ARGUMENT",
            "WINDOW_SHAPE_MISMATCH",
            "header.sensor",
        ),
        (
            lambda d: [header(d, 4, sensor=sensor_with(window_length=4))],
            "INVALID_ARGUMENT",
            "WINDOW_SHAPE_MISMATCH",
            "header.sensor",
        ),
        (
            lambda d: [header(d, 4, sensor=sensor_with(channels=[("left", "m"), ("right", "cm")]))],
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
