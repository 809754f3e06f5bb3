"""A network as a short tuple of layer records: the one description every backend is built from.

A record holds choices, never numbers that were learned. Learned numbers live beside it, in a flat dictionary
``{"<index>.<name>": array}`` whose names and shapes ``array_shapes`` gives. Shapes below leave the batch out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nets import front_records
from nets.front_records import Correct as Correct
from nets.front_records import GravityFrame as GravityFrame
from nets.front_records import Spectrum as Spectrum
from nets.front_records import VectorNorms as VectorNorms

Shape = tuple[int, ...]  # (time, channels) before a pooling to (channels,)


@dataclass(frozen=True)
class Normalize:
    """(x - mean) / deviation per channel or mel band: the input statistics. Arrays: mean (C,), deviation (C,)."""


@dataclass(frozen=True)
class LogMel:
    """Sound (time, 1) → logarithms of its power in mel bands, (frames, bands). No learned numbers: see ``nets.mel``.

    A frame's band powers p become ln(p / mean + floor), the mean taken over the whole window and all bands: a louder
    recording gives the same numbers, and what lies 1 / floor under the window's mean power counts as silence.

    Args:
        rate_hz: of the sound.
        frame: samples of a frame.
        hop: samples from one frame to the next.
        bands: how many.
        low_hz: where the first band begins.
        high_hz: where the last band ends.
        floor: share of the window's mean power that silence counts as.

    Reference: Davis & Mermelstein 1980, IEEE ASSP 28(4).
    """

    rate_hz: float
    frame: int
    hop: int
    bands: int
    low_hz: float
    high_hz: float
    floor: float


@dataclass(frozen=True)
class ChannelsAsTime:
    """(1, C) → (C, 1): a ring of C beams becomes a sequence a convolution can slide along."""


@dataclass(frozen=True)
class Conv:
    """1-D convolution over time, zero padded to ceil(time / stride). Arrays: kernel (size, C / groups, features), bias.

    ``groups = C`` and ``features = C`` is the depthwise form. ``circular`` pads by wrapping around instead of zeros.
    """

    features: int
    size: int
    stride: int = 1
    groups: int = 1
    bias: bool = False
    circular: bool = False


@dataclass(frozen=True)
class Dense:
    """x @ kernel + bias on (C,). Arrays: kernel (C, features), bias (features,)."""

    features: int


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation over batch and time (Ioffe & Szegedy 2015). Arrays: mean, variance, scale, offset (C,)."""

    epsilon: float = 1e-5


@dataclass(frozen=True)
class Relu:
    """max(x, 0)."""


@dataclass(frozen=True)
class Dropout:
    """Drops a share of numbers in training (Srivastava et al. 2014); nothing at inference."""

    rate: float


@dataclass(frozen=True)
class MaxPool:
    """Maximum over ``size`` samples, one every ``size`` (no padding, a rest is dropped)."""

    size: int


@dataclass(frozen=True)
class GlobalAveragePool:
    """(time, C) → (C,) by the mean over time."""


@dataclass(frozen=True)
class Flatten:
    """(time, C) → (time * C,), time first."""


Layer = (
    Correct | VectorNorms | GravityFrame | Spectrum | LogMel | Normalize | ChannelsAsTime | Conv | Dense | BatchNorm
    | Relu | Dropout | MaxPool | GlobalAveragePool | Flatten
)  # fmt: skip
Layers = tuple[Layer, ...]
FIXED = (VectorNorms, GravityFrame, Spectrum, LogMel)  # no numbers, no chance: the same answer for a window always

KINDS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        Correct,
        VectorNorms,
        GravityFrame,
        Spectrum,
        LogMel,
        Normalize,
        ChannelsAsTime,
        Conv,
        Dense,
        BatchNorm,
        Relu,
        Dropout,
        MaxPool,
        GlobalAveragePool,
        Flatten,
    )
}


def output_shape(layer: Layer, shape: Shape) -> Shape:
    """Shape after ``layer``.

    Raises:
        ValueError: the layer does not fit the shape.
    """
    match layer, shape:
        case ((VectorNorms() | GravityFrame() | Spectrum() | Correct()), _):
            found = front_records.output_shape(layer, shape)
            if found is not None:
                return found
        case LogMel(frame=frame, hop=hop, bands=bands), (time, 1) if time >= frame:
            return ((time - frame) // hop + 1, bands)
        case ChannelsAsTime(), (1, channels):
            return (channels, 1)
        case Conv(features=features, stride=stride, groups=groups), (time, channels):
            if channels % groups or features % groups:
                raise ValueError(f"{layer}: groups must divide {channels} channels and {features} features")
            return (math.ceil(time / stride), features)
        case Dense(features=features), (_,):
            return (features,)
        case MaxPool(size=size), (time, channels) if time >= size:
            return (time // size, channels)
        case GlobalAveragePool(), (_, channels):
            return (channels,)
        case Flatten(), (time, channels):
            return (time * channels,)
        case ((Normalize() | BatchNorm() | Relu() | Dropout()), _):
            return shape
    raise ValueError(f"{layer} does not take an input of shape {shape}")


def shapes(layers: Sequence[Layer], input_shape: Shape) -> list[Shape]:
    """Input shape of every layer, then the output's: ``len(layers) + 1`` shapes."""
    found = [input_shape]
    for layer in layers:
        found.append(output_shape(layer, found[-1]))
    return found


def array_shapes(layer: Layer, shape: Shape) -> dict[str, Shape]:
    """Names and shapes of the numbers ``layer`` holds when its input has ``shape``."""
    channels = shape[-1]
    match layer:
        case Normalize():
            return {"mean": (channels,), "deviation": (channels,)}
        case Correct():
            return {"matrix": (channels, channels), "offset": (channels,), "delay": (channels,)}
        case Conv(features, size, _, groups, bias, _):
            kernel: dict[str, Shape] = {"kernel": (size, channels // groups, features)}
            return kernel | ({"bias": (features,)} if bias else {})
        case Dense(features):
            return {"kernel": (channels, features), "bias": (features,)}
        case BatchNorm():
            return {name: (channels,) for name in ("mean", "variance", "scale", "offset")}
    return {}


def all_array_shapes(layers: Sequence[Layer], input_shape: Shape) -> dict[str, Shape]:
    """``{"<index>.<name>": shape}`` of the whole network."""
    return {
        f"{index}.{name}": found
        for index, (layer, shape) in enumerate(zip(layers, shapes(layers, input_shape), strict=False))
        for name, found in array_shapes(layer, shape).items()
    }


def fixed_count(layers: Sequence[Layer]) -> int:
    """How many layers at the front are ``FIXED``: what they make of a window never changes."""
    return next((i for i, layer in enumerate(layers) if not isinstance(layer, FIXED)), len(layers))


def moved(arrays: Mapping[str, Any], by: int) -> dict[str, Any]:
    """``arrays`` of the same layers when ``by`` more of them stand in front."""
    split = ((key.split("."), array) for key, array in arrays.items())
    return {f"{int(index) + by}.{name}": array for (index, name), array in split}


def to_json(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """Plain JSON values; ``from_json`` is its inverse."""
    return [{"kind": type(layer).__name__, **asdict(layer)} for layer in layers]


def from_json(value: Sequence[dict[str, Any]]) -> Layers:
    """Read what ``to_json`` wrote.

    Raises:
        ValueError: an unknown kind of layer.
    """
    found = []
    for row in value:
        options = {key: option for key, option in row.items() if key != "kind"}
        if row.get("kind") not in KINDS:
            raise ValueError(f"unknown layer {row.get('kind')!r}; known: {sorted(KINDS)}")
        found.append(KINDS[row["kind"]](**options))
    return tuple(found)
