"""What a device may do to the waves, and how often a model is right there."""

import numpy as np

from nets.inference import logits
from tests.nets.tasks import waves

GAIN = np.array([0.35, 2.5, 1.0], np.float32)
OFFSET = np.array([1.5, -2.0, 0.5], np.float32)


def shifted(count: int, seed: int, shares=(0.5, 0.3, 0.2)):
    """Windows of a device with other gains and offsets, and uneven classes."""
    values, labels = waves(count, seed, shares)
    return values * GAIN + OFFSET, labels


def drifted(count: int, seed: int, shares=(0.5, 0.3, 0.2)):
    """Windows of a device that went part of that way: the base is less sure, and sometimes wrong."""
    values, labels = waves(count, seed, shares)
    return (values * GAIN**0.6 + OFFSET * np.float32(0.6)).astype(np.float32), labels


def accuracy(model, values, labels) -> float:
    return float((logits(model, values).argmax(1) == labels).mean())
