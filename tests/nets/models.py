"""Small models with random numbers, as if they had learned something."""

import numpy as np

from nets.architectures import ARCHITECTURES
from nets.layers import Layers, all_array_shapes
from nets.model import Model
from slipway.spec import TaskSpec
from tests.nets.tasks import task

SMALL = {"widths": (8, 6), "sizes": (3, 3)}


def small(found: TaskSpec | None = None, seed: int = 0, layers: Layers | None = None) -> Model:
    """A net of two convolution blocks; every array is random, deviations and variances over 0."""
    found = found or task()
    layers = layers or ARCHITECTURES["cnn"](found, **SMALL)
    random = np.random.default_rng(seed)
    arrays = {}
    for name, shape in all_array_shapes(layers, found.sensor.window_shape).items():
        array = 0.5 * random.standard_normal(shape)
        positive = name.endswith(("deviation", "variance", "scale"))
        arrays[name] = (0.5 + np.abs(array) if positive else array).astype(np.float32)
    return Model(found, layers, arrays)
