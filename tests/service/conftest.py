"""Servers and catalogues for tests."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.blobs import Blobs, open_blobs
from service.catalogue import migrate
from service.catalogue.engine import Catalogue, database_url
from tests.service.process import ServerProcess, create_dataset
from tests.service.workshop import Workshop


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One running server for the tests of a file."""
    process = ServerProcess(tmp_path_factory.mktemp("server") / "data").start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def shop(server: ServerProcess) -> Iterator[Workshop]:
    """A worker beside that server, inside the test."""
    made = Workshop(server)
    yield made
    made.close()


@pytest.fixture
def name(server: ServerProcess) -> str:
    """A new dataset."""
    return create_dataset(server, f"d{uuid.uuid4().hex[:12]}")


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Start servers of one's own, with settings; each is killed at the end."""
    started: list[ServerProcess] = []

    def start(name: str = "data", **settings: Any) -> ServerProcess:
        started.append(ServerProcess(tmp_path / name, **settings))
        return started[-1].start()

    yield start
    for process in started:
        if process.process is not None and process.process.poll() is None:
            process.kill()


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    """An empty catalogue in a file."""
    made = Catalogue(database_url("", tmp_path))
    migrate.bring_up_to_date(made)
    yield made
    made.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """An empty blob store in a folder."""
    return open_blobs("", tmp_path)
