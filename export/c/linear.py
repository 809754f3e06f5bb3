"""Integer sums of products: the kernel that computes them, packed weights, folded zero points, sums proven to fit."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from export.c.expressions import Load
from export.c.operators import Linear, Window
from export.c.packing import BLOCK, CHUNK, Integers, pack, pack_depthwise, pad_features
from export.c.program import Program
from export.c.reader import Node
from export.c.tensors import BYTE_RANGE, Tensor, plain

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Leaving:
    """How sums leave: on the grid (``scale`` of one unit in steps of the target, ``zero``), or as int32 (no scale)."""

    kind: str
    zero: int = 0
    scale: Floats | None = None
    relu: bool = False


@dataclass(frozen=True, eq=False)
class Sums:
    """Products to be summed.

    Args:
        form: kernel, see ``operators.Linear``.
        flat: weights (features, inputs) in the order the source is stored.
        packed: as the kernel reads them; None for weights of one.
        features: of one group.
        length: inputs of a feature, as packed.
        scratch: bytes for padded or gathered places.
        groups: whose features are padded to whole blocks, each by itself.
    """

    form: str
    window: Window
    flat: Integers
    packed: npt.NDArray[np.int8] | None
    features: int
    length: int
    scratch: int = 0
    groups: int = 1


def convolution(window: Window, flat: Integers) -> Sums:
    """A convolution with weights (features, taps * channels of a group)."""
    if 1 < window.groups == len(flat) == window.channels:
        return _depthwise(window, flat)
    features, length = len(flat) // window.groups, _whole(flat.shape[1], CHUNK)
    window = replace(window, block=_whole(features, BLOCK))
    packed, reaches_out = pack(flat, window.groups), overhangs(window)
    if window.groups > 1 or not window.height == window.down == window.rows == 1 or window.top:
        return Sums("gather", window, flat, packed, features, length, length, window.groups)
    if window.columns == 1 and not reaches_out:
        return Sums("dense", window, flat, packed, features, length)
    return Sums("conv", window, flat, packed, features, length, 2 * length if reaches_out else 0)


def _depthwise(window: Window, flat: Integers) -> Sums:
    scratch = _whole(window.channels, CHUNK) if overhangs(window) else 0
    return Sums("depthwise", window, flat, pack_depthwise(flat), len(flat), flat.shape[1], scratch)


def dense(flat: Integers) -> Sums:
    """A dense layer with weights (features, inputs)."""
    features, inputs = flat.shape
    window = Window(1, 1, inputs, 1, 1, block=_whole(features, BLOCK))
    return Sums("dense", window, flat, pack(flat, 1), features, _whole(inputs, CHUNK))


def total(flat: Integers, channels: int) -> Sums:
    """Sums over time of each channel, with weights (features, time)."""
    features, time = flat.shape
    packed = None if (flat == 1).all() else flat.ravel().astype(np.int8)
    return Sums("total", Window(1, time, channels, 1, 1), flat, packed, features, time)


def _whole(count: int, part: int) -> int:
    return count + -count % part


def overhangs(slides: Window) -> bool:
    """Whether any place sees the padding."""
    right = (slides.columns - 1) * slides.stride_across + slides.across - slides.left - slides.width
    below = (slides.rows - 1) * slides.stride_down + slides.down - slides.top - slides.height
    return max(slides.left, slides.top, right, below) > 0


def add(program: Program, node: Node, source: Tensor, sums: Sums, zero: int, bias: Integers, leaving: Leaving) -> None:
    """Append the operator that computes ``sums`` for a node.

    Args:
        zero: the source's zero point.
        bias: (features,) in units of the sums.

    Raises:
        Refused: ACCUMULATOR_OVERFLOW.
    """
    folded = bias - zero * sums.flat.sum(axis=1)
    program.limit(node, _largest(sums.flat, zero, bias, folded, source.kind))
    name, shape = node.output, program.source.shapes[node.output]
    target = program.new(name, shape, leaving.kind, plain(shape) if sums.form == "total" else None)
    scale = None
    if leaving.scale is not None:
        spread = np.broadcast_to(leaving.scale, (len(sums.flat),))
        scale = program.adapt(f"{name}_scale", pad_features(spread, sums.groups) if sums.groups > 1 else spread)
    program.operators.append(
        Linear(
            name=name,
            form=sums.form,
            source=source,
            target=target,
            window=sums.window,
            weights=None if sums.packed is None else program.keep(f"{name}_weights", sums.packed),
            bias=program.adapt(f"{name}_bias", pad_features(folded.astype(np.int32), sums.groups)),
            scale=scale,
            zeros=program.adapt(f"{name}_zeros", np.array([zero, leaving.zero], np.int32)),
            features=sums.features,
            length=sums.length,
            relu=leaving.relu,
            scratch=sums.scratch,
        )
    )
    program.settle(node, Load(target))


def _largest(flat: Integers, zero: int, bias: Integers, folded: Integers, kind: str) -> int:
    """The largest magnitude of any sum on its way, with the zero point folded in or not."""
    least, largest = BYTE_RANGE[kind]
    weights = np.abs(flat).sum(axis=1)
    centred = weights * max(zero - least, largest - zero) + np.abs(bias)
    return int(np.maximum(centred, weights * max(-least, largest) + np.abs(folded)).max(initial=0))
