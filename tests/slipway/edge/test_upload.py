"""What a device tells a real server: only what it may, only when it is due, and nothing twice."""

import json
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipway.client import Client, ServerRefused, ServerUnreachable, connect, statistics_of
from slipway.client.datasets import Datasets
from slipway.edge import upload as uploads
from slipway.edge.ring import Ring
from slipway.edge.sharing import Keep, Sharing, ask
from slipway.edge.upload import DAY_S, Sent, Uploader, merged
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from tests.slipway.edge.bundles import CLASSES, SENSOR
from tests.slipway.edge.test_ring import Clock

TASK = TaskSpec("rover", SENSOR, CLASSES)
WINDOW_BYTES = 4 * 3 * 2


def windows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, *SENSOR.window_shape)).astype(np.float32)


class Device:
    """A device's folder; ``start`` is a start of its agent."""

    def __init__(self, folder: Path, **sharing: Any) -> None:
        self.folder, self.clock, self.sharing = folder, Clock(), Sharing(**sharing)
        self.id = f"device-{uuid.uuid4().hex[:12]}"
        self.start()

    def start(self) -> None:
        self.ring = Ring(
            self.folder / "windows.sqlite", SENSOR, Keep(), random=random.Random(0).random, clock=self.clock
        )
        self.uploader = Uploader(self.folder, self.sharing, TASK, self.ring, clock=self.clock)

    def see(self, values: np.ndarray) -> None:
        for window in values:
            self.ring.add(window)
        self.uploader.gather(values)

    def round(self, datasets: Datasets, drift: float | None = 2.0) -> Sent | None:
        return self.uploader.round(datasets, self.id, drift)


@pytest.fixture
def device(tmp_path: Path) -> Callable[..., Device]:
    return lambda **sharing: Device(tmp_path, **sharing)


class Broken(Datasets):
    """The line breaks after an answer was given, and before it came: what a kill at the worst moment looks like."""

    def upload_windows(self, *args: Any, **options: Any) -> Any:
        super().upload_windows(*args, **options)
        raise ServerUnreachable("there", "cut")

    def upload_statistics(self, *args: Any, **options: Any) -> Any:
        super().upload_statistics(*args, **options)
        raise ServerUnreachable("there", "cut")


def test_nothing_is_told_unless_somebody_allows_it(client: Client, device: Callable[..., Device]) -> None:
    one = device()
    one.see(windows(40))
    ask(one.folder)
    assert one.round(client.datasets, drift=9.0) is None
    with pytest.raises(ServerRefused):
        client.datasets.get(one.id)


def test_another_word_is_refused() -> None:
    with pytest.raises(Refused) as refusal:
        Sharing("everything")
    assert refusal.value.reason == Reason.FIELD_INVALID


def test_windows_go_to_the_devices_own_dataset_once(client: Client, device: Callable[..., Device]) -> None:
    one = device(what="windows")
    one.see(windows(40))
    assert one.round(client.datasets) == Sent(window_count=40)
    dataset = client.datasets.get(one.id)
    assert (dataset.window_count, dataset.sensor, dataset.classes) == (40, SENSOR, CLASSES)
    one.clock.now += 2 * 3600
    assert one.round(client.datasets) == Sent()
    one.see(windows(5, 1))
    one.clock.now += 2 * 3600
    assert one.round(client.datasets) == Sent(window_count=5)
    assert client.datasets.get(one.id).window_count == 45


def test_statistics_are_those_of_all_windows(client: Client, device: Callable[..., Device]) -> None:
    one = device(what="statistics")
    values = windows(90)
    one.see(values[:30])
    one.uploader.keep()
    one.start()
    one.see(values[30:50])
    assert one.round(client.datasets) == Sent(sample_count=150)
    one.see(values[50:])
    one.clock.now += 2 * 3600
    assert one.round(client.datasets) == Sent(sample_count=120)
    dataset = client.datasets.get(one.id)
    found, wanted = dataset.statistics, statistics_of(values)
    assert dataset.window_count == 0 and found is not None and found.count == wanted.count
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-12)
    np.testing.assert_allclose(found.sum_squared_deviation, wanted.sum_squared_deviation)


def test_it_waits_for_drift_or_for_somebody_who_asks(client: Client, device: Callable[..., Device]) -> None:
    one = device(what="windows", drift_limit=1.5)
    one.see(windows(8))
    assert [one.round(client.datasets, drift) for drift in (None, 0.4, 1.49)] == [None] * 3
    ask(one.folder)
    assert one.round(client.datasets, None) == Sent(window_count=8)
    one.see(windows(8))
    assert one.round(client.datasets, 1.4) is None


def test_rounds_keep_their_distance(client: Client, device: Callable[..., Device]) -> None:
    one = device(what="windows", interval_s=3600)
    one.see(windows(8))
    assert one.round(client.datasets) == Sent(window_count=8)
    one.see(windows(8, 1))
    one.clock.now += 3599
    one.ring.flush()
    one.start()
    assert one.round(client.datasets) is None
    one.clock.now += 1
    assert one.round(client.datasets) == Sent(window_count=8)


def test_a_day_has_so_many_bytes(client: Client, device: Callable[..., Device]) -> None:
    one = device(what="windows", day_bytes=10 * WINDOW_BYTES, interval_s=0)
    one.see(windows(25))
    sent = []
    for _ in range(3):
        sent += [one.round(client.datasets), one.round(client.datasets)]
        one.start()
        one.clock.now += DAY_S
    assert sent == [Sent(window_count=count) for count in (10, 0, 10, 0, 5, 0)]


@pytest.mark.parametrize("what", ["windows", "statistics"])
def test_what_broke_off_is_told_once(client: Client, device: Callable[..., Device], what: str) -> None:
    one = device(what=what)
    one.see(windows(40))
    with pytest.raises(ServerUnreachable):
        one.round(Broken(client.channel, client.address))
    one.uploader.keep()
    one.ring.flush()
    one.start()
    one.see(windows(3, 1))
    assert one.round(client.datasets, drift=None) is not None  # neither drift nor the interval is asked for
    dataset = client.datasets.get(one.id)
    counts = {"windows": dataset.window_count, "statistics": dataset.statistics and dataset.statistics.count}
    assert counts[what] in ({"windows": (40, 43), "statistics": (120,)}[what])


def test_without_a_server_it_is_told_later(
    client: Client, device: Callable[..., Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PATIENCE_S", 0.1)
    one = device(what="windows")
    one.see(windows(40))
    with connect("127.0.0.1:1") as nobody, pytest.raises(ServerUnreachable):
        one.round(nobody.datasets)
    opened = one.ring.parcel(0)
    assert opened is not None
    one.start()
    assert one.round(client.datasets, None) == Sent(window_count=40)
    assert client.datasets.get_upload(f"datasets/{one.id}/uploads/{opened.upload_id}").state == "COMPLETE"


def test_windows_that_a_server_never_takes_do_not_stop_the_others(
    client: Client, device: Callable[..., Device]
) -> None:
    one = device(what="windows", interval_s=0)
    one.see(np.full((1, *SENSOR.window_shape), np.nan, np.float32))
    with pytest.raises((ServerRefused, Refused)):
        one.round(client.datasets)
    one.see(windows(5))
    assert one.round(client.datasets) == Sent(window_count=5)


@pytest.mark.parametrize("damage", ["", "[]", "{", json.dumps({"round_s": "x", "more": 1})])
def test_a_ledger_that_cannot_be_read_begins_anew(client: Client, tmp_path: Path, damage: str) -> None:
    (tmp_path / "shared.json").write_text(damage)
    one = Device(tmp_path, what="windows")
    one.see(windows(5))
    assert one.round(client.datasets) == Sent(window_count=5)


def test_statistics_merge_as_those_of_all() -> None:
    values = windows(50) + 1e3
    found = merged(merged(None, statistics_of(values[:7])), statistics_of(values[7:]))
    wanted = statistics_of(values)
    np.testing.assert_allclose(found.mean, wanted.mean)
    np.testing.assert_allclose(found.sum_squared_deviation, wanted.sum_squared_deviation, rtol=1e-6)
