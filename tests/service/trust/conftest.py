"""A shop that works."""

import pytest

from tests.slipway.trust.shop import Shop


@pytest.fixture
def shop() -> Shop:
    return Shop()
