"""Real other sides for the edge: a repository on a socket and a device's folder."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from slipway.edge.install import Installer
from slipway.edge.remote import Remote
from slipway.edge.store import Store
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
