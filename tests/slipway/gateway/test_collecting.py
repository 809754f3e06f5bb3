"""Moments of many devices arrive merged and exact, windows drawn by lot; nothing else leaves the site."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import pytest

from slipway.client import Client, connect
from slipway.client.convert import sensor_message
from slipway.client.datasets import statistics_of
from slipway.client.values import Dataset
from slipway.gateway import datasets, parcels
from slipway.gateway.ledger import Ledger
from slipway.gateway.lot import chosen
from slipway.gateway.node import Setup
from slipway.gateway.policy import Limits, Policy
from slipway.spec import Channel, SensorSpec
from slipway.statistics import ChannelStatistics
from slipway.transport import ServerRefused
from slipway.v1 import datasets_pb2 as pb
from slipway.windows import unanswered
from tests.slipway.gateway.site import TIMEOUT, Gateway
from tests.slipway.server import Server

SENSOR = SensorSpec((Channel("x", "m/s2"), Channel("y", "m/s2")), 50.0, 8)
OTHER = replace(SENSOR, window_length=9)
Site = Callable[..., Client]


def windows(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(seed, 2.0, size=(count, 8, 2)).astype(np.float32)


@pytest.fixture
def site(server: Server, tmp_path: Path) -> Iterator[Site]:
    """Starts gateways with a policy; gives a client of each."""
    made: list[tuple[Gateway, Client]] = []

    def begin(limits: Limits | None = None, **policy: object) -> Client:
        setup = Setup(server.address, "127.0.0.1:0", tmp_path / f"gateway-{len(made)}")
        own = replace(setup, policy=Policy(**{"interval_s": 0.05, **policy}), limits=limits or Limits())
        gateway = Gateway(own).start()
        made.append((gateway, connect(gateway.address)))
        return made[-1][1]

    yield begin
    for gateway, client in made:
        client.close()
        gateway.stop()


def soon(client: Client, name: str, enough: Callable[[Dataset], bool]) -> Dataset:
    """A dataset of the server, once it is as it should be."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        try:
            found = client.datasets.get(name)
            if enough(found):
                return found
        except ServerRefused as refusal:
            assert refusal.reason == "DATASET_NOT_FOUND"
        time.sleep(0.02)
    raise AssertionError(f"{name} did not become what it should")


def samples(found: Dataset) -> int:
    return found.statistics.count if found.statistics else 0


def test_moments_of_many_devices_are_merged_exactly(client: Client, site: Site) -> None:
    gateway = site(dataset="hall")
    all_of = [windows(5 + seed, seed) for seed in range(4)]
    for number, values in enumerate(all_of):
        gateway.datasets.create(f"device-{number}", SENSOR)
        own = gateway.datasets.upload_statistics(f"device-{number}", statistics_of(values))
        assert samples(own) == values.shape[0] * 8, "each device sees what it has told"
    expected = statistics_of(np.concatenate(all_of))
    found = soon(client, "hall", lambda dataset: samples(dataset) == expected.count).statistics
    assert found is not None
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(found.sum_squared_deviation, expected.sum_squared_deviation, rtol=1e-12)
    with pytest.raises(ServerRefused):
        client.datasets.get("device-0")


def test_windows_become_moments(client: Client, site: Site) -> None:
    gateway, values = site(windows="statistics", dataset="reduced"), windows(300, 1)
    gateway.datasets.create("d", SENSOR)
    assert gateway.datasets.upload_windows("d", values).state == "COMPLETE"
    found = soon(client, "reduced", lambda dataset: samples(dataset) == 300 * 8)
    assert found.window_count == 0
    assert found.statistics is not None
    np.testing.assert_allclose(found.statistics.mean, statistics_of(values).mean, rtol=1e-12)


def test_a_sample_of_the_windows_and_all_with_an_answer(client: Client, site: Site) -> None:
    gateway, values = site(windows="sample", keep_share=0.25), windows(400, 2)
    values[10:20] = 1.0  # a sensor that hangs
    values[20:30] = values[30:40]
    labels = np.full(400, -1)
    labels[:6] = [0, 1, 0, 1, 1, 1]
    gateway.datasets.create("sampled", SENSOR, ["go", "stop"])
    gateway.datasets.upload_windows("sampled", values, labels)
    expected = len(chosen(values, labels, 0.25))
    assert 80 < expected < 120
    found = soon(client, "sampled", lambda dataset: dataset.window_count > 0)
    assert (found.window_count, found.label_counts) == (expected, (2, 4))
    gateway.datasets.upload_windows("sampled", values[100:150], labels[100:150])  # sent before
    gateway.datasets.upload_windows("sampled", windows(40, 3))
    more = len(chosen(windows(40, 3), np.full(40, -1), 0.25))
    assert soon(client, "sampled", lambda dataset: dataset.window_count > expected).window_count == expected + more


def test_targets_of_a_regression(client: Client, site: Site) -> None:
    gateway, values = site(windows="sample", keep_share=1.0), windows(9, 4)
    gateway.datasets.create("force", SENSOR, outputs=[Channel("force", "N")])
    gateway.datasets.upload_windows("force", values[:4], np.arange(4.0)[:, None])
    gateway.datasets.upload_windows("force", values[4:])
    found = soon(client, "force", lambda dataset: dataset.window_count == 9)
    assert found.label_counts == (4,)


@pytest.mark.parametrize("call", ["create", "statistics"])
def test_nothing_passes_where_nothing_may(site: Site, call: str) -> None:
    datasets = site(windows="none").datasets
    with pytest.raises(ServerRefused) as refusal:
        if call == "create":
            datasets.create("d", SENSOR)
        else:
            datasets.upload_statistics("d", statistics_of(windows(1, 1)))
    assert refusal.value.reason == "GATEWAY_CLOSED"


def test_a_sensor_that_is_not_the_sites(site: Site) -> None:
    gateway = site(dataset="one-kind")
    gateway.datasets.create("a", SENSOR)
    gateway.datasets.create("a", SENSOR)
    for name in ("a", "b"):
        with pytest.raises(ServerRefused):
            gateway.datasets.create(name, OTHER)


def test_no_room(site: Site) -> None:
    gateway = site(Limits(window_bytes=5_000, dataset_count=1), windows="sample", keep_share=1.0)
    gateway.datasets.create("d", SENSOR)
    for refused in (
        lambda: gateway.datasets.create("e", SENSOR),
        lambda: gateway.datasets.upload_windows("d", windows(100, 5)),
    ):
        with pytest.raises(ServerRefused) as refusal:
            refused()
        assert refusal.value.code == "RESOURCE_EXHAUSTED"


def test_an_upload_goes_on_where_the_line_broke(site: Site, client: Client) -> None:
    gateway, values = site(windows="sample", keep_share=1.0), windows(10, 6)
    gateway.datasets.create("broken", SENSOR)
    stub, upload = gateway.datasets._stub, "11111111-1111-4111-8111-111111111111"

    def message(first: int, end: int) -> pb.UploadWindowsRequest:
        return pb.UploadWindowsRequest(batch=pb.WindowBatch(offset=first, values=values[first:end].tobytes()))

    header = pb.UploadHeader(
        dataset="datasets/broken", upload_id=upload, window_count=10, sensor=sensor_message(SENSOR)
    )
    with pytest.raises(grpc.RpcError, match="after 6 of 10"):
        stub.UploadWindows(iter([pb.UploadWindowsRequest(header=header), message(0, 6)]))
    assert gateway.datasets.get_upload(f"datasets/broken/uploads/{upload}").committed_count == 6
    with pytest.raises(grpc.RpcError):
        stub.UploadWindows(iter([pb.UploadWindowsRequest(header=header), message(5, 10)]))
    rest = stub.UploadWindows(iter([pb.UploadWindowsRequest(header=header), message(6, 10)]))
    assert rest.state == pb.Upload.COMPLETE
    assert soon(client, "broken", lambda dataset: dataset.window_count > 0).window_count == 10


def test_an_upload_that_falls_silent_is_ended(site: Site) -> None:
    gateway = site(Limits(silence_s=0.05), windows="sample")
    gateway.datasets.create("silent", SENSOR)
    asked, over = threading.Event(), threading.Event()

    def messages() -> Iterator[pb.UploadWindowsRequest]:
        asked.set()
        over.wait(TIMEOUT)
        yield from ()

    with pytest.raises(grpc.RpcError, match="nothing came for"):
        gateway.datasets._stub.UploadWindows(messages(), timeout=TIMEOUT)
    assert asked.is_set()
    over.set()


def test_moments_go_under_one_request_until_they_are_taken(tmp_path: Path) -> None:
    """Two devices, one letter; what comes meanwhile waits for the next one, so that nothing is merged twice."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    moments = ChannelStatistics(2, (1.0,), (0.5,))
    for name in ("a", "b"):
        ledger.run(datasets.create, pb.Dataset(name=f"datasets/{name}"), "site", Limits())
        ledger.run(datasets.add_statistics, name, moments, (f"request {name}", "content"), 1)
        ledger.run(datasets.add_statistics, name, moments, (f"request {name}", "content"), 2)
    (letter,) = ledger.run(parcels.seal)
    assert (letter.upstream_id, letter.statistics.count) == ("site", 4)
    ledger.run(datasets.add_statistics, "a", moments, ("later", "content"), 3)
    assert ledger.run(parcels.seal) == [letter]
    ledger.run(parcels.sent, letter)
    (next_letter,) = ledger.run(parcels.seal)
    assert next_letter.statistics.count == 2
    assert next_letter.request_id != letter.request_id
    ledger.close()


def test_the_lot_is_drawn_by_content_alone() -> None:
    values = windows(4000, 7)
    nobody = unanswered(4000, 0)
    drawn = {digest for _, digest in chosen(values, nobody, 0.1)}
    assert 340 < len(drawn) < 460
    assert {digest for _, digest in chosen(values[::-1], nobody, 0.1)} == drawn
    assert drawn < {digest for _, digest in chosen(values, nobody, 0.2)}, "a larger share holds the smaller one"
    assert len(chosen(values, nobody, 1.0)) == 4000
    assert chosen(values, nobody, 0.0) == []


def test_a_sensor_that_hangs_says_nothing_unless_somebody_says_what_it_means() -> None:
    still = np.repeat(np.arange(6.0, dtype=np.float32), 16).reshape(6, 8, 2)
    assert chosen(still, unanswered(6, 0), 1.0) == []
    assert [index for index, _ in chosen(still, np.array([-1, 0, -1, 1, -1, -1]), 0.0)] == [1, 3]
