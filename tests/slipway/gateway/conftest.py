"""A site: a server above, a gateway, devices."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.gateway.node import Setup
from tests.slipway.edge.repository import Served
from tests.slipway.gateway.site import Above, Device, Gateway


@pytest.fixture
def above() -> Above:
    return Above()


@pytest.fixture
def served(above: Above) -> Iterator[Served]:
    server = Served(above)
    yield server
    server.stop()


@pytest.fixture
def setup(served: Served, tmp_path: Path) -> Setup:
    return Setup(served.address, "127.0.0.1:0", tmp_path / "gateway")


@pytest.fixture
def start(setup: Setup) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways; those that run at the end are stopped."""
    started: list[Gateway] = []

    def begin(own: Setup = setup) -> Gateway:
        started.append(Gateway(own).start())
        return started[-1]

    yield begin
    for gateway in started:
        if gateway._thread.is_alive():
            gateway.stop()


@pytest.fixture
def gateway(start: Callable[..., Gateway]) -> Gateway:
    return start()


@pytest.fixture
def connect() -> Iterator[Callable[..., Device]]:
    made: list[Device] = []

    def device(gateway: Any, device_id: str = "") -> Device:
        made.append(Device(gateway.address, device_id))
        return made[-1]

    yield device
    for each in made:
        each.close()


@pytest.fixture
def device(gateway: Gateway, connect: Callable[..., Device]) -> Device:
    return connect(gateway)
