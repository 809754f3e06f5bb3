"""A device that went far: the base is often wrong, and adaptation has something to win."""

import numpy as np

from slipway.windows import Labels, Values
from tests.adapters.shifts import GAIN, OFFSET
from tests.nets.tasks import waves

HARD_SHARES = (0.5, 0.3, 0.2)
DISTANCE = 0.7  # of the way to the gains and offsets of ``shifted``


def hard(count: int, seed: int) -> tuple[Values, Labels]:
    """Windows (count, 16, 3) of that device."""
    values, labels = waves(count, seed, HARD_SHARES)
    return (values * GAIN**DISTANCE + OFFSET * np.float32(DISTANCE)).astype(np.float32), labels
