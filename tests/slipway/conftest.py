"""A server to talk to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.client import Client, connect
from tests.slipway.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of a file; each uses names of its own."""
    server = Server(tmp_path_factory.mktemp("server") / "data")
    yield server
    server.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may kill."""
    server = Server(tmp_path / "data")
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with connect(server.address) as client:
        yield client
