"""What a client gets back about recorded data, from a real server."""

import signal
import threading
import uuid

import numpy as np
import pytest

from slipway.client import Client, ServerRefused, ServerUnreachable, connect, statistics_of
from slipway.client.uploads import content_id
from slipway.errors import Reason, Refused
from slipway.spec import Channel, SensorSpec
from tests.slipway.edge.bundles import CLASSES, SENSOR
from tests.slipway.server import Server


def windows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, *SENSOR.window_shape)).astype(np.float32)


def test_a_dataset_comes_back_as_it_was_described(client: Client) -> None:
    made = client.datasets.create("plain", SENSOR, CLASSES, display_name="A plain one")
    assert (made.name, made.sensor, made.classes) == ("datasets/plain", SENSOR, CLASSES)
    assert (made.display_name, made.window_count, made.statistics) == ("A plain one", 0, None)
    assert made.create_time is not None and made.create_time.tzinfo is not None
    assert client.datasets.get("plain") == client.datasets.get("datasets/plain") == made
    assert made in list(client.datasets.list())
    client.datasets.delete("plain")
    with pytest.raises(ServerRefused) as refusal:
        client.datasets.get("plain")
    assert (refusal.value.code, refusal.value.reason) == ("NOT_FOUND", "DATASET_NOT_FOUND")
    assert "datasets/plain" in refusal.value.message and refusal.value.remedy


def test_the_same_request_id_creates_once(client: Client) -> None:
    request_id = str(uuid.uuid4())
    first = client.datasets.create("once", SENSOR, request_id=request_id)
    assert client.datasets.create("once", SENSOR, request_id=request_id) == first
    with pytest.raises(ServerRefused) as refusal:
        client.datasets.create("once", SENSOR)
    assert refusal.value.code == "ALREADY_EXISTS"


def test_more_datasets_than_a_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway.client.pages.PAGE_SIZE", 2)
    names = [f"datasets/page-{i}" for i in range(5)]
    for name in names:
        client.datasets.create(name, SENSOR)
    assert [d.name for d in client.datasets.list() if "page-" in d.name] == names


def test_an_upload_of_many_batches_arrives_whole(client: Client) -> None:
    client.datasets.create("many", SENSOR, CLASSES)
    seen: list[tuple[int, int]] = []
    labels = np.arange(60_000) % 3 - 1
    upload = client.datasets.upload_windows(
        "many", windows(60_000), labels, progress=lambda done, total: seen.append((done, total))
    )
    assert (upload.state, upload.committed_count, upload.window_count) == ("COMPLETE", 60_000, 60_000)
    assert len(seen) > 2 and seen[-1] == (60_000, 60_000) and sorted(seen) == seen
    dataset = client.datasets.get("many")
    assert (dataset.window_count, dataset.label_counts) == (60_000, (20_000, 20_000))
    assert client.datasets.get_upload(upload.name) == upload


def test_the_same_content_is_added_once(client: Client) -> None:
    client.datasets.create("same", SENSOR, CLASSES)
    values = windows(100)
    upload_id = content_id("datasets/same", values, None)
    for _ in range(2):
        client.datasets.upload_windows("same", values, upload_id=upload_id)
    assert client.datasets.get("same").window_count == 100
    assert content_id("datasets/same", windows(100, seed=1), None) != upload_id
    assert content_id("datasets/other", values, None) != upload_id


@pytest.mark.parametrize(
    ("values", "labels", "reason"),
    [
        (np.zeros((3, 3, 3)), None, Reason.WINDOW_SHAPE_MISMATCH),
        (np.zeros((3, 3)), None, Reason.WINDOW_SHAPE_MISMATCH),
        (np.full((3, 3, 2), np.nan), None, Reason.SAMPLE_NOT_FINITE),
        (np.full((3, 3, 2), 1e300), None, Reason.SAMPLE_NOT_FINITE),
        (np.zeros((3, 3, 2)), [0, 1, 2], Reason.LABEL_OUTSIDE_CLASSES),
        (np.zeros((3, 3, 2)), [0, 1], Reason.FIELD_INVALID),
    ],
)
def test_bad_windows_never_leave_the_client(
    client: Client, server: Server, values: np.ndarray, labels: list[int] | None, reason: Reason
) -> None:
    name = f"bad-{uuid.uuid4().hex[:8]}"
    client.datasets.create(name, SENSOR, CLASSES)
    with pytest.raises(Refused) as refusal, np.errstate(over="ignore"):
        client.datasets.upload_windows(name, values, labels)
    assert refusal.value.reason is reason
    assert client.datasets.get(name).window_count == 0


def test_another_sensor_is_the_servers_no(client: Client) -> None:
    client.datasets.create("sensor", SENSOR)
    other = SensorSpec((Channel("left", "m"), Channel("right", "m")), 20.0, 3)
    with pytest.raises(ServerRefused) as refusal:
        client.datasets.upload_windows("sensor", windows(4), sensor=other)
    assert refusal.value.reason == "RATE_MISMATCH"
    assert client.datasets.get("sensor").window_count == 0


def test_statistics_say_what_the_windows_would(client: Client) -> None:
    client.datasets.create("statistics", SENSOR)
    first, second = windows(500, 1), windows(300, 2) + 3.0
    for part in (first, second):
        merged = client.datasets.upload_statistics("statistics", statistics_of(part)).statistics
    whole = statistics_of(np.concatenate([first, second]))
    assert merged is not None and merged.count == whole.count
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(merged.sum_squared_deviation, whole.sum_squared_deviation, rtol=1e-12)


def test_an_upload_survives_kill_9_of_the_server(own_server: Server) -> None:
    count, killed = 200_000, threading.Event()

    def kill_half_way(done: int, total: int) -> None:
        if done > total // 2 and not killed.is_set():
            killed.set()
            own_server.stop(signal.SIGKILL)
            own_server.start()

    with connect(own_server.address) as client:
        client.datasets.create("robust", SENSOR)
        upload = client.datasets.upload_windows("robust", windows(count), progress=kill_half_way)
        assert killed.is_set()
        assert (upload.state, upload.committed_count) == ("COMPLETE", count)
        assert client.datasets.get("robust").window_count == count


def test_nobody_there_is_said_plainly() -> None:
    with connect("127.0.0.1:1") as client, pytest.raises(ServerUnreachable) as error:
        client.datasets.get("any")
    assert error.value.address == "127.0.0.1:1"
    assert "--server" in error.value.remedy
