"""What a device notices: through updates, kills and full disks, and never at the cost of an answer."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipway.bundle import archive
from slipway.bundle.archive import Bundle, pack
from slipway.bundle.manifest import EXTRA, Manifest, file_entry
from slipway.client import Client
from slipway.edge import notes as noting
from slipway.edge.home import home_of
from slipway.edge.home_file import REFERENCE_NAME, to_json
from slipway.edge.observer import KEPT_S, Observer
from slipway.edge.ring import Ring
from slipway.edge.sharing import Keep, Sharing, ask
from slipway.edge.upload import Sent
from slipway.edge.watch import FIRST_WINDOWS
from slipway.spec import Channel, SensorSpec, TaskSpec
from tests.slipway.edge.bundles import CLASSES, SENSOR, bundle
from tests.slipway.edge.test_ring import Clock

TASK = TaskSpec("rover", SENSOR, CLASSES)
Events = list[tuple[str, dict[str, Any]]]


def windows(count: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(count, *SENSOR.window_shape)) + shift
    return values.astype(np.float32)


def logits(values: np.ndarray) -> np.ndarray:
    return np.asarray(values.mean(1), np.float32)


def opened(version: int, reference: bytes | None = None) -> Bundle:
    """A bundle, with a reference or without one."""
    plain = archive.read(bundle(version))
    if reference is None:
        return plain
    old = plain.manifest
    files = {**plain.files, REFERENCE_NAME: reference}
    manifest = Manifest(
        **{name: getattr(old, name) for name in ("model", "version", "task", "precision", "self_test_tolerance")},
        files={**old.files, REFERENCE_NAME: file_entry(EXTRA, reference)},
    )
    return archive.read(pack(manifest, files))


@pytest.fixture(scope="module")
def reference() -> bytes:
    values = windows(2048, 99)
    return to_json(home_of(TASK, values, logits(values)))


@pytest.fixture
def events() -> Events:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Start:
    """Makes observers of one folder, as the starts of an agent do."""

    def __init__(self, folder: Path, clock: Clock, events: Events) -> None:
        self.folder, self.clock, self.events = folder, clock, events

    def __call__(self, **options: Any) -> Observer:
        chance = random.Random(0).random
        tell = lambda event, **values: self.events.append((event, values))  # noqa: E731
        return Observer(self.folder, random=chance, clock=self.clock, tell=tell, **options)


@pytest.fixture
def start(tmp_path: Path, clock: Clock, events: Events) -> Iterator[Start]:
    yield Start(tmp_path, clock, events)


def see(observer: Observer, values: np.ndarray) -> None:
    for window, answer in zip(values, logits(values), strict=True):
        observer.saw(window, answer)


def test_drift_is_told_against_the_home_in_the_bundle(start: Start, reference: bytes) -> None:
    observer = start()
    observer.answers("a" * 64, opened(1, reference))
    assert observer.drift() is None and observer.cause() == ""
    see(observer, windows(1024, 1))
    quiet = observer.drift()
    assert quiet is not None and quiet < 1
    see(observer, windows(1024, 2) + np.array([1.5, 0], np.float32))
    loud = observer.drift()
    assert loud is not None and loud > 1 and observer.cause().startswith("left: level +2.")


def test_without_a_reference_the_first_windows_are_home(start: Start) -> None:
    observer = start()
    observer.answers("a" * 64, opened(1))
    see(observer, windows(FIRST_WINDOWS // 2, 1, 5.0))
    observer.close()
    observer = start()  # what came before counts
    observer.answers("a" * 64, opened(1))
    see(observer, windows(FIRST_WINDOWS // 2 + 480, 2, 5.0))
    assert observer.drift() is None
    see(observer, windows(544, 3, 5.0))
    at_home = observer.drift()
    see(observer, windows(1024, 4))
    away = observer.drift()
    assert at_home is not None and at_home < 1 < (away or 0)
    observer.close()
    observer = start()  # and this home is remembered
    observer.answers("a" * 64, opened(1))
    assert observer.drift() == pytest.approx(away, rel=1e-2)


def test_another_version_has_another_home(start: Start, reference: bytes) -> None:
    observer = start()
    observer.answers("a" * 64, opened(1, reference))
    see(observer, windows(1024, 1, 3.0))
    assert (observer.drift() or 0) > 1
    observer.answers("b" * 64, opened(2, reference))
    assert observer.drift() is None
    see(observer, windows(512, 2))
    assert (observer.drift() or 9) < 1


def test_what_was_noticed_survives_a_kill_but_for_five_minutes(start: Start, reference: bytes, clock: Clock) -> None:
    observer = start()
    observer.answers("a" * 64, opened(1, reference))
    see(observer, windows(640, 1, 2.0))
    clock.now += KEPT_S
    see(observer, windows(32, 2, 2.0))
    told = observer.drift()
    see(observer, windows(64, 3, 2.0))
    again = start()  # the one before was never closed
    again.answers("a" * 64, opened(1, reference))
    assert again.drift() == pytest.approx(told, rel=1e-2)
    notes = noting.read(start.folder)
    assert notes["drift"] == told and notes["cause"].endswith("sd")


@pytest.mark.parametrize("damage", ["", "[1]", '{"version": "%s"}' % ("a" * 64), "nonsense"])
def test_notes_that_cannot_be_read_are_forgotten(start: Start, reference: bytes, damage: str) -> None:
    (start.folder / "drift.json").write_text(damage)
    observer = start()
    observer.answers("a" * 64, opened(1, reference))
    see(observer, windows(512, 1))
    assert observer.drift() is not None


def test_a_reference_that_makes_no_sense_is_as_good_as_none(start: Start) -> None:
    observer = start()
    observer.answers("a" * 64, opened(1, b'{"format": 1}'))
    see(observer, windows(FIRST_WINDOWS + 512, 1))
    assert observer.drift() is not None


def test_windows_are_kept_where_they_may_be(start: Start) -> None:
    observer = start(keep=Keep(count=100))
    observer.answers("a" * 64, opened(1))
    values = windows(150)
    see(observer, values)
    observer.close()
    ring = Ring(start.folder / "windows.sqlite", SENSOR, Keep(count=100), random=random.random)
    np.testing.assert_array_equal(ring.read(), values[-100:])


def test_nothing_is_kept_unless_asked_for(start: Start) -> None:
    observer = start()
    observer.answers("a" * 64, opened(1))
    see(observer, windows(150))
    observer.close()
    assert [path.name for path in start.folder.iterdir()] == ["drift.json"]


def test_a_task_with_another_sensor_begins_anew(start: Start) -> None:
    observer = start(keep=Keep())
    observer.answers("a" * 64, opened(1))
    see(observer, windows(64))
    other = TaskSpec("rover", SensorSpec((Channel("left", "cm"), Channel("right", "cm")), 10.0, 3), CLASSES)
    observer.answers("b" * 64, archive.read(bundle(2, task=other)))
    see(observer, windows(64))
    observer.close()
    ring = Ring(start.folder / "windows.sqlite", other.sensor, Keep(), random=random.random)
    assert ring.count() == 64  # none is told as if it were in cm


def test_a_disk_that_fails_stops_no_answer(start: Start, events: Events, reference: bytes, clock: Clock) -> None:
    observer = start(keep=Keep())
    observer.answers("a" * 64, opened(1, reference))
    observer._ring.close()  # type: ignore[union-attr]  # every write fails from now on
    see(observer, windows(256, 1))
    clock.now += 60
    see(observer, windows(256, 1))
    assert observer.drift() is not None
    assert {event for event, _ in events} == {"not_kept"}


def test_it_shares_what_it_may(start: Start, client: Client, reference: bytes) -> None:
    observer = start(keep=Keep(), sharing=Sharing("windows"))
    assert observer.share(client.datasets, "watched") is None
    observer.answers("a" * 64, opened(1, reference))
    see(observer, windows(1024, 1))
    assert observer.share(client.datasets, "watched") is None  # at home
    see(observer, windows(1024, 2, 2.0))
    assert observer.share(client.datasets, "watched") == Sent(window_count=2048)
    assert client.datasets.get("watched").window_count == 2048


def test_what_is_on_the_disk_is_small(start: Start, reference: bytes) -> None:
    observer = start()
    observer.answers("a" * 64, opened(1, reference))
    see(observer, windows(2048, 1))
    observer.close()
    notes = (start.folder / "drift.json").read_bytes()
    assert json.loads(notes)["version"] == "a" * 64 and len(notes) < 10_000


def pass_by(observer: Observer, clock: Clock, values: np.ndarray) -> None:
    """A second for each batch of windows."""
    for at in range(0, len(values), 32):
        clock.now += 1
        see(observer, values[at : at + 32])


@pytest.mark.parametrize("restarted", [False, True])
def test_drift_is_told_by_the_windows_since_it_began_and_the_rest_to_who_asks(
    start: Start, client: Client, reference: bytes, clock: Clock, restarted: bool
) -> None:
    name = f"since-{restarted}".lower()
    observer = start(keep=Keep(), sharing=Sharing("windows"))
    observer.answers("a" * 64, opened(1, reference))
    pass_by(observer, clock, windows(640, 1))
    pass_by(observer, clock, windows(640, 2, 3.0))
    if restarted:
        observer.close()
        observer = start(keep=Keep(), sharing=Sharing("windows"))
        observer.answers("a" * 64, opened(1, reference))
    sent = observer.share(client.datasets, name)
    assert sent is not None and 576 <= sent.window_count <= 640
    ask(start.folder)
    assert observer.share(client.datasets, name) == Sent(window_count=1280 - sent.window_count)


def test_the_same_of_statistics(start: Start, client: Client, reference: bytes, clock: Clock) -> None:
    observer = start(sharing=Sharing("statistics"))
    observer.answers("a" * 64, opened(1, reference))
    pass_by(observer, clock, windows(640, 1))
    pass_by(observer, clock, windows(640, 2, 3.0))
    sent = observer.share(client.datasets, "since-statistics")
    assert sent is not None and 576 <= sent.sample_count / SENSOR.window_length <= 640
    assert min(client.datasets.get("since-statistics").statistics.mean) > 2.9
    assert observer.share(client.datasets, "since-statistics") is None
    ask(start.folder)
    assert observer.share(client.datasets, "since-statistics") == Sent(), "home was not told, and is forgotten"
