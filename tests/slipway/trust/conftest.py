"""A shop that works, and a device that trusts it."""

from pathlib import Path

import pytest

from tests.slipway.trust.shop import Device, Shop


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def device(tmp_path: Path, shop: Shop) -> Device:
    return Device(tmp_path, shop)
