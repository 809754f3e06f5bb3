"""Folded steps as TensorFlow operations on one window: each becomes one or two builtin operators of LiteRT.

LiteRT wants channels last and two axes, so values are (1, 1, time, channels) here, whatever a step counts along; a
transposition then costs nothing, and the flattening before a dense layer reorders that layer's weights.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from export import front_steps as f
from export import steps as s
from export.litert.fronts import draw_front
from export.litert.tensorflow import tensorflow
from export.steps import Array
from nets.padding import pads
from slipway.errors import Reason, Refused


@dataclass(frozen=True, eq=False)
class Values:
    """What passes from one step to the next.

    Args:
        tensor: (1, 1, rows, columns), or (1, numbers) once flat.
        turned: whether a step's last axis is the rows here: a step after a transposition counts time last.
        order: which of the step's numbers each flat number here is, if not the one in its place.
    """

    tensor: Any
    turned: bool = False
    order: Array | None = None

    def on_channels_last(self) -> Any:
        """(1, 1, time, channels) for a step on (batch, channels, time)."""
        rows, columns = self.tensor.shape[2:]
        if self.turned:
            return self.tensor
        if 1 in (rows, columns):
            return tensorflow().reshape(self.tensor, (1, 1, columns, rows))
        return tensorflow().transpose(self.tensor, (0, 1, 3, 2))

    def aligned(self, array: Array) -> Array:
        """A step's numbers, (n,) or (n, 1), as they broadcast against ``tensor``."""
        if len(self.tensor.shape) == 2:
            return array if self.order is None else array[self.order]
        table = np.atleast_2d(array)
        return table.T if self.turned else table

    def flat(self) -> Any:
        """(1, numbers), in the place where they lie."""
        return tensorflow().reshape(self.tensor, (1, -1))


def window(tensor: Any) -> Values:
    """A window (1, time, channels) as values."""
    return Values(tensorflow().expand_dims(tensor, 1))


def draw(step: s.Step, values: Values) -> Values:
    """What ``step`` makes of ``values``, in float32.

    Raises:
        Refused: EXPORT_UNSUPPORTED, a step that has no form here.
    """
    found = _drawn(step, values)
    if isinstance(step, s.Relu) or getattr(step, "relu", False):
        return replace(found, tensor=tensorflow().nn.relu(found.tensor))
    return found


def _drawn(step: s.Step, values: Values) -> Values:
    tf, tensor = tensorflow(), values.tensor
    match step:
        case s.Normalize(_, mean, deviation):
            return replace(values, tensor=(tensor - values.aligned(mean)) / values.aligned(deviation))
        case s.Scale(_, scale, shift):
            return replace(values, tensor=tensor * values.aligned(scale) + values.aligned(shift))
        case s.Relu():
            return values
        case s.Transpose():
            return replace(values, turned=not values.turned)
        case s.Conv():
            kernel = kernel_of(step.kernel, step.groups)
            return Values(convolved(values.on_channels_last(), kernel, step) + step.bias, True)
        case s.LogMel() | f.Delay() | f.Mix() | f.VectorNorms() | f.GravityFrame() | f.Spectrum():
            return Values(draw_front(step, values.on_channels_last()), True)
        case s.Dense(_, kernel, bias):
            ordered = kernel if values.order is None else kernel[values.order]
            return Values(tf.linalg.matmul(tensor, ordered) + bias)
        case s.MaxPool(_, size):
            return Values(tf.nn.max_pool2d(values.on_channels_last(), (1, size), (1, size), "VALID"), True)
        case s.Average():
            return Values(tf.reduce_mean(values.on_channels_last(), (1, 2)))
        case s.Flatten():
            return flattened(values)
        case _:
            name = f"{type(step).__name__} {getattr(step, 'name', '')}".strip()
            raise Refused(
                Reason.EXPORT_UNSUPPORTED, field="model.layers", problem=f"the step {name} has no form in LiteRT"
            )


def flattened(values: Values) -> Values:
    """(1, 1, rows, columns) → (1, rows * columns), and how a step counts through it."""
    rows, columns = values.tensor.shape[2:]
    order = None
    if values.turned and rows > 1 and columns > 1:
        order = np.arange(rows * columns).reshape(columns, rows).T.ravel()
    return Values(tensorflow().reshape(values.tensor, (1, rows * columns)), order=order)


def kernel_of(kernel: Array, groups: int) -> Array:
    """(features, channels / groups, size) as TensorFlow's (1, size, channels / groups, features).

    Where each channel is a group of its own it becomes (1, size, channels, features / channels).
    """
    features, shared, _ = kernel.shape
    if groups == 1 or shared > 1:
        return np.ascontiguousarray(kernel.transpose(2, 1, 0)[None])
    return np.ascontiguousarray(kernel[:, 0].T.reshape(1, -1, groups, features // groups))


def convolved(tensor: Any, kernel: Any, step: Any) -> Any:
    """The sums of a convolution over (1, 1, time, channels), without its bias.

    Args:
        kernel: as ``kernel_of`` gives it, an array or a tensor.
        step: a ``steps.Conv`` or an ``integer.Linear``: stride, groups, pads and whether it wraps around.
    """
    tf, time, size, channels = tensorflow(), tensor.shape[2], kernel.shape[1], tensor.shape[3]
    left, right = step.pads
    padding = "SAME" if (left, right) == pads(time, size, step.stride) else "VALID"
    if step.circular and (left or right):
        around = np.arange(-left, time + right, dtype=np.int32) % time  # small runtimes know no wider positions
        tensor, padding = tf.gather(tensor, around, axis=2), "VALID"
    elif padding == "VALID" and (left or right):
        tensor = tf.pad(tensor, ((0, 0), (0, 0), (left, right), (0, 0)))
    if step.groups == channels > 1:
        return tf.nn.depthwise_conv2d(tensor, kernel, (1, step.stride, step.stride, 1), padding)
    return tf.nn.conv2d(tensor, kernel, (1, step.stride, step.stride, 1), padding)
