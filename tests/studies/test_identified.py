"""A study's identification sees windows alone, and puts back what held only in the recording."""

from pathlib import Path

import jax
import numpy as np

from sim.generate import windows
from sim.priors import Quantiles
from studies.identified import unpaired
from studies.study import Domain
from tests.sim.identify.device import DEVICE, WORLD

NO_LABELS = np.zeros(0, np.int32)  # what is not there cannot be looked at


def test_what_held_in_the_recording_only_is_put_back() -> None:
    values, _ = windows(WORLD, jax.random.key(0), 64, WORLD.prior.replace(noise=0.05))
    identify = unpaired(WORLD, DEVICE, as_recorded={"colour": 0.5}, simulations=500)
    found = identify(Path("none"), Domain(values, NO_LABELS), 0)
    assert found["colour"] == WORLD.prior["colour"]
    assert isinstance(found["noise"], Quantiles)
