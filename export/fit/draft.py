"""The int8 graph that a net will have, before it has learned: its bytes and its work do not depend on its numbers."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from export.calibration import quantize
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from nets.layers import Layers, all_array_shapes
from nets.model import Model
from slipway.spec import TaskSpec

WINDOWS = 2


def draft(task: TaskSpec, layers: Layers, seed: int = 0) -> bytes:
    """An int8 ONNX file of ``layers`` with random numbers, calibrated on a few random windows.

    Raises:
        Refused: EXPORT_UNSUPPORTED or ACCUMULATOR_OVERFLOW, the layers have no int8 form.
    """
    random = np.random.default_rng(seed)
    model = Model(task, layers, _arrays(layers, task.sensor.window_shape, random))
    values = random.standard_normal((WINDOWS, *task.sensor.window_shape)).astype(np.float32)
    return to_bytes(int8_onnx(quantize(fold(model), values).net, task))


def _arrays(
    layers: Layers, shape: tuple[int, int], random: np.random.Generator
) -> Mapping[str, npt.NDArray[np.float32]]:
    """Kernels of a usual size; everything else about one, so that nothing folds away."""
    found = {}
    for name, size in all_array_shapes(layers, shape).items():
        array = random.uniform(0.5, 1.5, size)
        if name.endswith("kernel"):
            array = random.normal(0, np.sqrt(2 / np.prod(size[:-1])), size)
        if name.endswith("matrix"):
            array = np.eye(size[0]) + random.normal(0, 0.1, size)
        found[name] = array.astype(np.float32)
    return found
