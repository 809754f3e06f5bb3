"""A LiteRT file, run: what it answers on this computer, window by window as a device asks it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from export.litert.tensorflow import interpreters
from export.steps import Array, Floats


@dataclass(frozen=True)
class Form:
    """One end of a file: shape with the batch of 1, NumPy's name of its type, and the grid of its bytes.

    A number is (byte - zero) * scale; ``scale`` is 0 where the numbers are floats.
    """

    shape: tuple[int, ...]
    kind: str
    scale: float
    zero: int

    def real(self, values: Array) -> Floats:
        """Floats of what the file holds."""
        return np.asarray((values.astype(np.float32) - self.zero) * self.scale if self.scale else values, np.float32)

    def held(self, values: Floats) -> Array:
        """What the file holds of floats; bytes are the nearest ones, half to even."""
        if not self.scale:
            return values
        limits = np.iinfo(self.kind)
        rounded = np.rint(values / np.float32(self.scale)) + np.float32(self.zero)
        return np.asarray(np.clip(rounded, limits.min, limits.max), self.kind)


class Runner:
    """A file that was loaded once, on one thread."""

    def __init__(self, file: bytes) -> None:
        self._interpreter = interpreters().Interpreter(model_content=file, num_threads=1)
        self._interpreter.allocate_tensors()
        (self._input,), (self._output,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self.takes, self.gives = _form(self._input), _form(self._output)

    def __call__(self, values: Floats) -> Floats:
        """Answers (batch, numbers) to float values (batch, …), made bytes and read back where the file holds bytes."""
        return self.gives.real(self.bytes(self.takes.held(values)))

    def bytes(self, values: Array) -> Array:
        """Answers (batch, numbers) as the file holds them, to values as it holds them."""
        found = np.empty((len(values), *self.gives.shape[1:]), self.gives.kind)
        for place, one in enumerate(values):
            self._interpreter.set_tensor(self._input["index"], np.ascontiguousarray(one[None]))
            self._interpreter.invoke()
            found[place] = self._interpreter.get_tensor(self._output["index"])[0]
        return found


def _form(details: dict[str, Any]) -> Form:
    scale, zero = details["quantization"]
    shape = tuple(int(size) for size in details["shape"])
    return Form(shape, np.dtype(details["dtype"]).name, float(scale), int(zero))
