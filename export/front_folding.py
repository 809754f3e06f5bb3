"""From front layers to steps: what changes nothing vanishes, a diagonal matrix becomes a scaling."""

from collections.abc import Callable

import numpy as np

from export import front_steps as f
from export import steps as s
from export.steps import Floats, Step
from nets import mel, spectrum
from nets.front_records import Correct, GravityFrame, Spectrum, VectorNorms, others
from nets.layers import LogMel

Look = Callable[[str], Floats]  # the layer's array of that name
FrontLayer = Correct | VectorNorms | GravityFrame | Spectrum | LogMel


def front_steps(layer: FrontLayer, shape: tuple[int, ...], name: str, look: Look) -> list[Step]:
    """The steps of ``layer`` on (batch, channels, time) whose input has ``shape`` (time, channels)."""
    match layer:
        case Correct():
            return _correct(shape, name, look)
        case VectorNorms(vectors):
            return [f.VectorNorms(name, vectors, tuple(others(vectors, shape[1])))]
        case GravityFrame(vectors, gravity):
            return [f.GravityFrame(name, vectors, gravity, tuple(others(vectors, shape[1])))]
        case Spectrum(hop=hop, floor=floor):
            waves, bins = (_as_kernel(array) for array in spectrum.matrices(layer))
            return [f.Spectrum(name, waves.swapaxes(1, 2), bins, hop, floor, shape[1], shape[0])]
        case LogMel(hop=hop, floor=floor):
            waves, bands = (_as_kernel(array) for array in mel.matrices(layer))
            return [s.LogMel(name, waves.swapaxes(1, 2), bands, hop, floor)]


def _as_kernel(array: Floats) -> Floats:
    """(inputs, features) → (features, inputs, 1)."""
    return np.ascontiguousarray(array.T)[:, :, None]


def _correct(shape: tuple[int, ...], name: str, look: Look) -> list[Step]:
    time, channels = shape
    matrix, offset = look("matrix"), look("offset")
    delay = np.clip(look("delay"), 1 - time, time - 1)  # further off there is only the end that is held
    steps: list[Step] = [f.Delay(f"{name}.delay", delay)] if delay.any() else []
    gain = np.diag(matrix)
    if not np.array_equal(matrix, np.diag(gain)):
        steps.append(f.Mix(f"{name}.mix", np.ascontiguousarray(matrix.T), offset))
    elif offset.any() or not np.array_equal(gain, np.ones(channels)):
        steps.append(s.Scale(f"{name}.scale", np.ascontiguousarray(gain)[:, None], offset[:, None]))
    return steps
