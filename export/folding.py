"""From layer records and learned numbers to the steps of inference: batch normalisation folded, layout decided.

A batch normalisation right after a convolution or a dense layer becomes part of its kernel and bias, a ReLU part of
the step before it, and dropout vanishes. ``ChannelsAsTime`` costs nothing: the same memory is read in the other layout.
"""

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from export import steps as s
from export.front_folding import Look, front_steps
from export.steps import Array, Floats, Step, Steps
from nets import layers as records
from nets.layers import BatchNorm, Layer
from nets.model import Model
from nets.padding import pads
from slipway.errors import Reason, Refused

# What stays in float before an int8 net: it is cheap, or, as a spectrum, spans more than a byte can hold.
FRONT = (s.Normalize, s.Scale, s.Relu, s.Transpose, s.Flatten, *s.INEXACT)
_MONOTONE = (s.MaxPool, s.Flatten, s.Transpose)  # max(x, 0) may be taken before these as well as after


@dataclass
class _Folded:
    """The steps so far, and how the values lie in memory after them."""

    steps: list[Step] = field(default_factory=list)
    time_last: bool = False
    flat: bool = False
    order: Array | None = None  # where a flattened number lies, if not where the records think

    @property
    def in_front(self) -> bool:
        return all(isinstance(step, FRONT) for step in self.steps)


def fold(model: Model) -> Steps:
    """The steps that compute the model's logits.

    Raises:
        Refused: FIELD_INVALID for a learned number that is not finite, EXPORT_UNSUPPORTED for a net that ends in a
            flattening over time.
    """
    for name, array in model.arrays.items():
        if not np.isfinite(array).all():
            raise Refused(
                Reason.FIELD_INVALID,
                field=f"model.arrays.{name}",
                problem="needs finite numbers",
                found="a number that is not finite",
                remedy="Train again with a smaller learning rate.",
            )
    folded = _Folded()
    inputs = records.shapes(model.layers, model.task.sensor.window_shape)[:-1]
    for index, (layer, shape) in enumerate(zip(model.layers, inputs, strict=True)):
        _add(folded, layer, shape, str(index), partial(_learned, model, index))
    if folded.order is not None:
        raise Refused(
            Reason.EXPORT_UNSUPPORTED, field="model.layers", problem="a net that ends in Flatten needs a Dense after it"
        )
    return tuple(folded.steps)


def _learned(model: Model, index: int, name: str) -> Floats:
    return model.arrays[f"{index}.{name}"]


def split(steps: Steps) -> tuple[Steps, Steps]:
    """(what stays in float before an int8 net, the int8 net)."""
    cut = next((i for i, step in enumerate(steps) if not isinstance(step, FRONT)), len(steps))
    return steps[:cut], steps[cut:]


def _add(folded: _Folded, layer: Layer, shape: records.Shape, name: str, look: Look) -> None:
    match layer:
        case records.Normalize():
            _normalize(folded, name, look)
        case records.BatchNorm():
            _batch_norm(folded, layer, name, look)
        case records.Conv():
            _put_time_last(folded, name)
            folded.steps.append(_conv(layer, shape[0], name, look))
        case records.Correct() | records.VectorNorms() | records.GravityFrame() | records.Spectrum() | records.LogMel():
            steps = front_steps(layer, shape, name, look)
            if steps:
                _put_time_last(folded, name)
            folded.steps += steps
        case records.Dense():
            folded.steps.append(s.Dense(name, _in_order(folded, look("kernel")), look("bias")))
            folded.order = None
        case records.Relu():
            _relu(folded, name)
        case records.MaxPool(size):
            _put_time_last(folded, name)
            folded.steps.append(s.MaxPool(name, size))
        case records.GlobalAveragePool():
            _put_time_last(folded, name)
            folded.steps.append(s.Average(name, shape[0]))
            folded.flat = True
        case records.Flatten():
            _flatten(folded, shape, name)
        case records.ChannelsAsTime():
            folded.time_last = not folded.time_last


def _conv(layer: records.Conv, time: int, name: str, look: Look) -> s.Conv:
    kernel = np.ascontiguousarray(look("kernel").transpose(2, 1, 0))
    bias = look("bias") if layer.bias else np.zeros(layer.features, np.float32)
    reach = pads(time, layer.size, layer.stride)
    return s.Conv(name, kernel, bias, layer.stride, layer.groups, reach, layer.circular)


def _normalize(folded: _Folded, name: str, look: Look) -> None:
    mean, deviation = (_in_layout(folded, look(key)) for key in ("mean", "deviation"))
    if folded.in_front:
        folded.steps.append(s.Normalize(name, mean, deviation))
    else:
        gain = 1 / look("deviation").astype(np.float64)
        _scale(folded, name, gain, -look("mean") * gain)


def _batch_norm(folded: _Folded, layer: BatchNorm, name: str, look: Look) -> None:
    gain = look("scale") / np.sqrt(look("variance").astype(np.float64) + layer.epsilon)
    shift = look("offset") - look("mean") * gain
    last = folded.steps[-1] if folded.steps else None
    if isinstance(last, s.Conv | s.Dense) and not last.relu:
        over = gain[:, None, None] if isinstance(last, s.Conv) else gain
        folded.steps[-1] = replace(last, kernel=_float32(last.kernel * over), bias=_float32(last.bias * gain + shift))
    else:
        _scale(folded, name, gain, shift)


def _scale(folded: _Folded, name: str, gain: Array, shift: Array) -> None:
    if not folded.in_front and not folded.flat:
        _put_time_last(folded, name)
    scale, shift = (_in_layout(folded, _float32(array)) for array in (gain, shift))
    folded.steps.append(s.Scale(name, scale, shift))


def _relu(folded: _Folded, name: str) -> None:
    place = len(folded.steps)
    while place and isinstance(folded.steps[place - 1], _MONOTONE):
        place -= 1
    last = folded.steps[place - 1] if place else None
    if isinstance(last, s.Conv | s.Dense | s.Scale | s.Average):
        folded.steps[place - 1] = replace(last, relu=True)
    elif not isinstance(last, s.Relu):
        folded.steps.insert(place, s.Relu(name))


def _flatten(folded: _Folded, shape: records.Shape, name: str) -> None:
    time, channels = shape
    folded.steps.append(s.Flatten(name))
    folded.flat = True
    if folded.time_last and time > 1 and channels > 1:
        folded.order = np.arange(time * channels).reshape(time, channels).T.ravel()


def _put_time_last(folded: _Folded, name: str) -> None:
    if not folded.time_last:
        folded.steps.append(s.Transpose(name))
        folded.time_last = True


def _in_order(folded: _Folded, array: Floats) -> Floats:
    return array if folded.order is None else array[folded.order]


def _in_layout(folded: _Folded, array: Floats) -> Floats:
    return array[:, None] if folded.time_last and not folded.flat else _in_order(folded, array)


def _float32(array: Array) -> Floats:
    return np.asarray(array, np.float32)
