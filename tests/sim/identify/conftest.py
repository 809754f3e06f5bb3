"""One identifier for all tests of this folder: it answers for any recording of the small device."""

import pytest

from sim.identify.unpaired import Identifier, identifier
from tests.sim.identify.device import DEVICE, WORLD


@pytest.fixture(scope="package")
def trained() -> Identifier:
    return identifier(WORLD, 16 * 4, names=DEVICE, simulations=4000, seed=3)
