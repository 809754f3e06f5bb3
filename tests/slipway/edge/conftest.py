"""Real other sides for the edge: a repository on a socket and a device's folder."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from slipway.edge.install import Installer
from slipway.edge.remote import Remote
from slipway.edge.store import Store
from tests.slipway.edge.changes import Pair, publish
from tests.slipway.edge.repository import Repository, Served


@pytest.fixture
def repository() -> Iterator[Repository]:
    """A server's contents; ``served`` puts them on a socket."""
    repository = Repository()
    yield repository
    repository.close()


@pytest.fixture
def served(repository: Repository) -> Iterator[Served]:
    served = Served(repository)
    yield served
    served.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "device"


Events = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def events() -> Events:
    """What the installer told."""
    return []


@pytest.fixture
def installer(served: Served, folder: Path, events: Events) -> Iterator[Callable[[], Installer]]:
    """Makes an installer, as a start of the agent does; the one before lets go of the folder first."""
    with ExitStack() as stack:

        def make(**options: Any) -> Installer:
            stack.close()
            store, remote = Store(folder), Remote(served.address)
            stack.enter_context(store.locked())
            stack.callback(remote.close)
            settings = {"model": "models/rover", "channel": "stable", **options}
            return Installer(store, remote, tell=lambda event, **values: events.append((event, values)), **settings)

        yield make


@pytest.fixture
def pair(installer: Callable[[], Installer], repository: Repository) -> Pair:
    """A device that runs version 1, and the hashes of 1 and of 2, which is offered now, with no delta yet."""
    first = publish(repository, 1)
    device = installer()
    assert device.update()
    return device, first, publish(repository, 2)


@pytest.fixture
def command(served: Served, folder: Path) -> list[str]:
    """``slipway edge run``, asked line by line."""
    place = ["--server", served.address, "--model", "rover", "--folder", str(folder)]
    return [sys.executable, "-m", "slipway.cli", "edge", "run", *place, "--input", "-"]


@pytest.fixture
def gate(repository: Repository) -> Iterator[threading.Event]:
    """Lets one piece of a download through, and the others when it is set."""
    repository.gate = threading.Event()
    yield repository.gate
    repository.gate.set()
