"""The channels of a network that can be taken away as a whole.

A channel is made by a convolution or a dense layer, passes what treats channels one by one, and is read by the next
layer with a whole kernel.
"""

from dataclasses import dataclass

from nets.layers import (
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    Layers,
    MaxPool,
    Relu,
    shapes,
)

_ONE_BY_ONE = (Relu, Dropout, MaxPool, GlobalAveragePool)


@dataclass(frozen=True)
class Channels:
    """Channels that can be taken away.

    Args:
        maker: index of the layer whose kernel makes them.
        on_the_way: indices of layers that hold numbers for each of them: batch normalisations, depthwise convolutions.
        reader: index of the layer whose kernel reads them.
        count: how many.
        rows: of the reader's kernel for each: more than one where time was flattened.
        last: index of the first layer that no longer tells them apart, or of the reader.
    """

    maker: int
    on_the_way: tuple[int, ...]
    reader: int
    count: int
    rows: int
    last: int


def prunable(layers: Layers, input_shape: tuple[int, int]) -> tuple[Channels, ...]:
    """All channels of a network that can be taken away, by their maker."""
    sizes = shapes(layers, input_shape)
    found = (_channels(layers, sizes, index) for index, layer in enumerate(layers) if _mixes(layer))
    return tuple(one for one in found if one is not None)


def _mixes(layer: Layer) -> bool:
    """Whether every feature of a layer reads every channel."""
    return isinstance(layer, Dense) or (isinstance(layer, Conv) and layer.groups == 1)


def _channels(layers: Layers, sizes: list[tuple[int, ...]], maker: int) -> Channels | None:
    count = sizes[maker + 1][-1]
    on_the_way: list[int] = []
    rows, last = 1, None
    for index in range(maker + 1, len(layers)):
        layer = layers[index]
        if _mixes(layer):
            return Channels(maker, tuple(on_the_way), index, count, rows, index if last is None else last)
        depthwise = isinstance(layer, Conv) and layer.groups == layer.features == count
        if depthwise or (isinstance(layer, BatchNorm) and last is None):
            on_the_way.append(index)
        elif isinstance(layer, Flatten):
            rows, last = sizes[index][0], index
        elif not isinstance(layer, _ONE_BY_ONE):
            return None
    return None
