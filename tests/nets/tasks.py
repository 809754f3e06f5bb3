"""Small tasks and windows that several tests share."""

import numpy as np

from slipway.spec import Channel, SensorSpec, TaskSpec
from slipway.windows import Labels, Values


def task(channels: int = 3, time: int = 16, classes: int = 3, name: str = "toy") -> TaskSpec:
    """A task of unnamed channels."""
    sensor = SensorSpec(tuple(Channel(f"c{i}", "1") for i in range(channels)), 50.0, time)
    return TaskSpec(name, sensor, tuple(f"class {i}" for i in range(classes)))


def waves(count: int, seed: int, shares: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3)) -> tuple[Values, Labels]:
    """Windows (count, 16, 3) of noisy waves: the class is the number of periods, the phase is random."""
    random = np.random.default_rng(seed)
    labels = random.choice(len(shares), count, p=shares).astype(np.int32)
    phase = random.uniform(0, 2 * np.pi, (count, 1, 1))
    time = np.arange(16)[None, :, None] / 16
    lag = np.array([0.0, 0.7, 1.9])
    clean = np.sin(2 * np.pi * (labels[:, None, None] + 1) * time + phase + lag)
    return (clean + 0.45 * random.standard_normal(clean.shape)).astype(np.float32), labels
