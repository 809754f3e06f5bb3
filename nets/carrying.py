"""One layer's numbers as a layer of another network can use them, channel by channel where the sensors differ.

The input statistics take up another unit exactly: with y = f · x + s they become f · mean + s and f · deviation. A
channel that the source never saw gets weights of zero, so that the network begins by answering as if it were not there;
one that is gone counts as if it always stood at its mean.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from nets.layers import Conv, Dense, Dropout, Flatten, Layer, Layers, Normalize, all_array_shapes
from nets.model import Model
from nets.units import Linear, conversion
from slipway.spec import Channel, TaskSpec

Floats = npt.NDArray[np.float32]
Numbers = TypeVar("Numbers")
TRANSPARENT = (Normalize, Dropout, Flatten)  # behind them the sensor's channels are still apart


class Channels(NamedTuple):
    """How the channels of a new sensor are found among those of another.

    Args:
        given: names of the other's.
        wanted: names of the new one's.
        places: for each of the new, its place among the other's; -1 where that has none.
        lines: for each of the new, what turns the other's numbers into its unit.
        same: whether the two are equal in names, order and units.
    """

    given: tuple[str, ...]
    wanted: tuple[str, ...]
    places: tuple[int, ...]
    lines: tuple[Linear, ...]
    same: bool

    @property
    def lacking(self) -> list[str]:
        """Names that only the new sensor has."""
        return [name for name, place in zip(self.wanted, self.places, strict=True) if place < 0]

    @property
    def gone(self) -> list[str]:
        """Names that only the other sensor has."""
        return [name for name in self.given if name not in self.wanted]


def matched(given: Sequence[Channel], wanted: Sequence[Channel]) -> Channels:
    """The channels of ``wanted`` found among ``given`` by name.

    Raises:
        Refused: FIELD_INVALID: two of the same name measure different quantities.
    """
    known = {channel.name: (place, channel.unit) for place, channel in enumerate(given)}
    found = [(*known.get(channel.name, (-1, channel.unit)), channel) for channel in wanted]
    return Channels(
        tuple(known),
        tuple(channel.name for channel in wanted),
        tuple(place for place, _, _ in found),
        tuple(conversion(unit, channel.unit, f"channels.{channel.name}") for _, unit, channel in found),
        tuple(given) == tuple(wanted),
    )


def sees_channels(layers: Layers, index: int) -> bool:
    """Whether the sensor's channels are still apart where that layer stands."""
    return all(isinstance(layer, TRANSPARENT) for layer in layers[:index])


def carried(
    source: Model,
    theirs: int,
    layers: Layers,
    ours: int,
    task: TaskSpec,
    channels: Channels,
    fresh: Mapping[str, Floats],
) -> dict[str, Floats] | None:
    """The arrays of layer ``ours`` of a new network, from layer ``theirs`` of ``source``.

    Args:
        source: where the numbers come from.
        theirs: index of its layer.
        layers: of the new network.
        ours: index of its layer.
        task: of the new network.
        channels: how its sensor's channels are found among the source's.
        fresh: the new network's own arrays, for the statistics of channels that the source lacks.

    Returns:
        ``{"<ours>.<name>": array}``, empty for a layer without numbers; None where the two layers do not fit.
    """
    expected = _of_layer(all_array_shapes(layers, task.sensor.window_shape), ours)
    found = {name: np.asarray(array) for name, array in _of_layer(source.arrays, theirs).items()}
    if type(layers[ours]) is not type(source.layers[theirs]) or expected.keys() != found.keys():
        return None
    if found and not channels.same and sees_channels(layers, ours):
        if not sees_channels(source.layers, theirs):
            return None
        by_name = _by_name(layers[ours], found, _of_layer(fresh, ours), channels)
        if by_name is None:
            return None
        found = by_name
    if any(found[name].shape != shape for name, shape in expected.items()):
        return None
    return {f"{ours}.{name}": array.astype(np.float32) for name, array in found.items()}


def _by_name(
    layer: Layer, theirs: Mapping[str, Floats], fresh: Mapping[str, Floats], channels: Channels
) -> dict[str, Floats] | None:
    places, count = list(channels.places), len(channels.given)
    known = np.array([place >= 0 for place in places])
    if isinstance(layer, Normalize):
        factor, shift = np.array(channels.lines, np.float64).T
        mean, deviation = factor * theirs["mean"][places] + shift, factor * theirs["deviation"][places]
        return {
            "mean": np.where(known, mean, fresh["mean"]).astype(np.float32),
            "deviation": np.where(known, deviation, fresh["deviation"]).astype(np.float32),
        }
    kernel = theirs.get("kernel")
    if kernel is None:
        return None
    if isinstance(layer, Conv) and kernel.shape[1] == count:
        return {**theirs, "kernel": kernel[:, places] * known[:, None]}
    if isinstance(layer, Dense) and kernel.shape[0] % count == 0:
        apart = kernel.reshape(-1, count, kernel.shape[1])  # flattened time first
        return {**theirs, "kernel": (apart[:, places] * known[:, None]).reshape(-1, kernel.shape[1])}
    return None


def _of_layer(arrays: Mapping[str, Numbers], index: int) -> dict[str, Numbers]:
    return {name.split(".")[1]: array for name, array in arrays.items() if name.startswith(f"{index}.")}
