"""A model at rest: task, layer records and learned numbers as NumPy arrays, and its file (safetensors).

This value is what jobs, adapters and exports hand to one another; no JAX is needed to read one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from nets import layers as records
from nets.layers import Layers
from slipway.spec import TaskSpec

Arrays = Mapping[str, npt.NDArray[np.float32]]

_HEADER = "__description__"


@dataclass(frozen=True)
class Model:
    """What a network is and what it knows.

    Args:
        task: the question it answers; its sensor fixes the input shape (time, channels).
        layers: the description; the output shape is (task.answer_size,): logits, or the outputs in their units.
        arrays: ``{"<index>.<name>": array}`` with the shapes of ``layers.all_array_shapes``.

    Raises:
        ValueError: arrays or output that do not fit the description.
    """

    task: TaskSpec
    layers: Layers
    arrays: Arrays

    def __post_init__(self) -> None:
        shape = self.task.sensor.window_shape
        expected = records.all_array_shapes(self.layers, shape)
        found = {name: array.shape for name, array in self.arrays.items()}
        if found != expected:
            wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
            raise ValueError(f"arrays do not fit the layers: {wrong[:5]}")
        output = records.shapes(self.layers, shape)[-1]
        if output != (self.task.answer_size,):
            raise ValueError(f"the net ends in shape {output}, the task asks for {self.task.answer_size} numbers")

    def to_bytes(self) -> bytes:
        """The model as one safetensors file, the description as a JSON tensor beside the arrays."""
        description = {"task": self.task.to_json(), "layers": records.to_json(self.layers)}
        text = json.dumps(description, sort_keys=True).encode()
        return save(
            {_HEADER: np.frombuffer(text, np.uint8), **{k: np.ascontiguousarray(v) for k, v in self.arrays.items()}}
        )

    @staticmethod
    def from_bytes(data: bytes) -> "Model":
        """Read what ``to_bytes`` wrote.

        Raises:
            ValueError: not a model of ours.
        """
        tensors = load(data)
        description = json.loads(tensors.pop(_HEADER).tobytes())
        return Model(TaskSpec.from_json(description["task"]), records.from_json(description["layers"]), tensors)


def changed_arrays(base: Model, other: Model) -> dict[str, npt.NDArray[np.float32]]:
    """The arrays in which ``other`` differs from ``base``: what an adapter is made of."""
    return {name: array for name, array in other.arrays.items() if not np.array_equal(array, base.arrays[name])}


def parameter_count(model: Model) -> int:
    """How many numbers the model holds."""
    return sum(array.size for array in model.arrays.values())
