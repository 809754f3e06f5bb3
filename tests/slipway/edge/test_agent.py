"""The agent lives through what servers do: move a channel, go away, come back."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slipway.edge import pauses
from slipway.edge.agent import Agent
from slipway.edge.install import Installer
from slipway.edge.remote import Remote
from slipway.edge.store import Store
from tests.slipway.edge.bundles import bundle
from tests.slipway.edge.conftest import Events
from tests.slipway.edge.repository import Repository, Served

Make = Callable[..., Installer]
PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "RETRY_LIMIT_S", 0.1)


@contextmanager
def running(installer: Installer, poll_s: float = 600.0, share: float = 0.5) -> Iterator[Agent]:
    agent = Agent(installer, random=lambda: share, poll_s=poll_s)
    agent.start()
    try:
        yield agent
    finally:
        agent.stop()


def replica(store: Store, served: Served) -> Installer:
    """Another device of the same model."""
    remote = Remote(served.address)
    return Installer(store, remote, model="models/rover", channel="stable", tell=lambda event, **values: None)


def until(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds, with a bound."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def runs(agent: Agent, version: int) -> bool:
    live = agent.installer.live
    return live is not None and live.version.version == f"models/rover/versions/{version}"


def test_it_installs_what_there_is_and_follows_hints(installer: Make, repository: Repository) -> None:
    repository.publish("models/rover", 1, bundle(1))
    with running(installer()) as agent:
        assert agent.live().version.version == "models/rover/versions/1"
        for version in (2, 3):
            repository.publish("models/rover", version, bundle(version))
            until(lambda version=version: runs(agent, version))
        until(lambda: len(repository.reports) == 3)


def test_a_fleet_that_hears_a_hint_does_not_ask_in_one_moment(
    installer: Make, repository: Repository, served: Served, tmp_path: Path
) -> None:
    repository.spread_s = 60
    repository.publish("models/rover", 1, bundle(1))
    other = Store(tmp_path / "other")
    with (
        other.locked(),
        running(installer(), share=0.0) as first,
        running(replica(other, served), share=0.9) as last,
    ):
        until(lambda: len(repository.devices) == 4)  # each asks at its start, and at the first word of its stream
        for version in (2, 3):
            repository.publish("models/rover", version, bundle(version))
            until(lambda version=version: runs(first, version))
        assert runs(last, 1)


def test_it_waits_for_a_first_version(installer: Make, repository: Repository, events: Events) -> None:
    with running(installer()) as agent:
        until(lambda: any(event == "refused" for event, _ in events))
        repository.publish("models/rover", 2, bundle(2))
        assert agent.live().version.version == "models/rover/versions/2"


def test_without_hints_it_polls(installer: Make, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Repository, "WatchUpdates", lambda self, request, context: iter(()))
    repository.publish("models/rover", 1, bundle(1))
    with running(installer(), poll_s=0.05) as agent:
        agent.live()
        repository.publish("models/rover", 2, bundle(2))
        until(lambda: runs(agent, 2))


def test_a_server_that_goes_away_changes_nothing_and_is_found_again(
    installer: Make, repository: Repository, served: Served, events: Events
) -> None:
    repository.publish("models/rover", 1, bundle(1))
    installer().update()
    served.stop()
    with running(installer(), poll_s=0.05) as agent:
        assert agent.live().version.version == "models/rover/versions/1"
        until(lambda: any(event == "waiting" for event, _ in events))
        repository.publish("models/rover", 2, bundle(2))
        served.start()
        until(lambda: runs(agent, 2))
        until(lambda: [report.version[-1] for report in repository.reports] == ["1", "2"])


def test_a_refused_version_leaves_the_one_that_runs(installer: Make, repository: Repository) -> None:
    repository.publish("models/rover", 1, bundle(1))
    with running(installer()) as agent:
        agent.live()
        repository.publish("models/rover", 2, bundle(2, fault=1.0))
        until(lambda: any(report.reason == "SELF_TEST_FAILED" for report in repository.reports))
        assert runs(agent, 1)
        repository.publish("models/rover", 3, bundle(3))
        until(lambda: runs(agent, 3))


def test_it_stops_in_the_middle_of_a_download(installer: Make, repository: Repository) -> None:
    repository.gate = threading.Event()
    sha256 = repository.publish("models/rover", 1, bundle(1, ballast=50_000))
    device = installer()
    with running(device):
        assert repository.first_piece.wait(PATIENCE_S)
        until(lambda: device.store.part(sha256).exists() and device.store.part(sha256).stat().st_size > 0)
    assert device.store.part(sha256).stat().st_size == repository.piece_bytes
