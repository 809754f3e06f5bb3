"""Where numbers lie: a tensor is a view of a buffer, so that a transposition costs nothing.

Shapes are those of the ONNX graph with a batch of one. Tensors of three and more axes are stored with the channels
last: what a convolution over time sees at one place is then one run of memory.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Shape = tuple[int, ...]
FLOAT, INT32, INT16, UINT8, INT8 = "float", "int32_t", "int16_t", "uint8_t", "int8_t"
BYTES = {FLOAT: 4, INT32: 4, INT16: 2, UINT8: 1, INT8: 1}
BYTE_RANGE = {UINT8: (0, 255), INT8: (-128, 127)}
KINDS = {"float32": FLOAT, "int32": INT32, "uint8": UINT8, "int8": INT8}
WINDOW, LOGITS = "window", "logits"  # the caller's buffers; all others lie in the arena


@dataclass(frozen=True, eq=False)
class Tensor:
    """A view of ``buffer``.

    Args:
        shape: of the ONNX value.
        strides: numbers from one index to the next, for each axis.
        kind: the C type.
        order: where the numbers of a flattened tensor lie: number i is ONNX's number ``order[i]``; None if in order.
    """

    buffer: str
    shape: Shape
    strides: Shape
    kind: str
    order: npt.NDArray[np.int64] | None = None


def size(shape: Shape) -> int:
    """How many numbers."""
    return int(np.prod(shape, dtype=np.int64))


def strides(shape: Shape, axes: Shape) -> Shape:
    """Strides of ``shape`` stored with ``axes`` from the outermost to the innermost."""
    found, step = [0] * len(shape), 1
    for axis in reversed(axes):
        found[axis], step = step, step * shape[axis]
    return tuple(found)


def stored_axes(shape: Shape) -> Shape:
    """The axes as we store them: channels (axis 1) last."""
    return tuple(range(len(shape))) if len(shape) < 3 else (0, *range(2, len(shape)), 1)


def plain(shape: Shape) -> Shape:
    """Strides in ONNX's own order."""
    return strides(shape, tuple(range(len(shape))))


def lies(tensor: Tensor, wanted: Shape) -> bool:
    """Whether ``tensor`` lies in memory with ``wanted`` strides; axes of length one lie anyhow."""
    return tensor.order is None and all(
        length == 1 or have == want for length, have, want in zip(tensor.shape, tensor.strides, wanted, strict=True)
    )


def transposed(tensor: Tensor, axes: Shape) -> Tensor:
    """The view with its axes in another order."""
    shape, steps = tensor.shape, tensor.strides
    return replace(tensor, shape=tuple(shape[axis] for axis in axes), strides=tuple(steps[axis] for axis in axes))


def reshaped(tensor: Tensor, shape: Shape) -> Tensor | None:
    """The view in another shape, or None if the numbers would have to move."""
    if lies(tensor, plain(tensor.shape)):
        return replace(tensor, shape=shape, strides=plain(shape))
    kept = [(length, step) for length, step in zip(tensor.shape, tensor.strides, strict=True) if length > 1]
    if tensor.order is not None or [length for length, _ in kept] != [length for length in shape if length > 1]:
        return None
    steps = iter(step for _, step in kept)
    return replace(tensor, shape=shape, strides=tuple(0 if length == 1 else next(steps) for length in shape))


def shuffled(tensor: Tensor, shape: Shape) -> Tensor:
    """The flat view of a tensor stored with its channels last; its reader has to reorder its weights."""
    places = np.arange(size(tensor.shape)).reshape(tensor.shape).transpose(stored_axes(tensor.shape))
    return replace(tensor, shape=shape, strides=plain(shape), order=places.ravel())
