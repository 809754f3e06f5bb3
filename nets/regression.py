"""What a regression adds: outputs are learned on a common scale, and the last layer takes the scale up.

With targets t = m + d·s the net learns s, of mean 0 and deviation 1; the last layer's kernel times d and bias times d
plus m then answers t itself, so that a model at rest speaks in its task's units.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from jax import Array

from nets.epoch import Batch
from nets.layers import Layers
from nets.losses import squared_error
from nets.network import Network
from nets.training import Arrays
from slipway.windows import Targets

DEVIATION_FLOOR = 1e-6  # in the output's unit: an output that never moves must not become infinite


class Scale(NamedTuple):
    """t = mean + deviation · s, each (outputs,)."""

    mean: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]

    def standardised(self, targets: Targets) -> Targets:
        """s of targets (count, outputs)."""
        return (targets - self.mean) / self.deviation

    def inverse(self) -> "Scale":
        """The scale that undoes this one."""
        return Scale(-self.mean / self.deviation, 1 / self.deviation)


def scale_of(targets: Targets) -> Scale:
    """Mean and deviation of each output."""
    deviation = np.maximum(targets.std(0, dtype=np.float64), DEVIATION_FLOOR)
    return Scale(targets.mean(0, dtype=np.float64).astype(np.float32), deviation.astype(np.float32))


def rescaled(layers: Layers, arrays: Arrays, scale: Scale) -> dict[str, npt.NDArray[np.float32]]:
    """Arrays of the net that answers ``mean + deviation · answer``; the last layer is dense."""
    kernel, bias = f"{len(layers) - 1}.kernel", f"{len(layers) - 1}.bias"
    head = {kernel: arrays[kernel] * scale.deviation, bias: arrays[bias] * scale.deviation + scale.mean}
    return {**arrays, **head}


def loss(network: Network, batch: Batch, key: Array) -> Array:
    """Mean squared error on the common scale."""
    source = batch.groups["source"]
    return squared_error(network(source.values, True, key), source.labels)
