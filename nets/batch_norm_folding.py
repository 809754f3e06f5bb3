"""Batch normalisation as part of the layer before it, at the level of records: what int8 weights are learned in."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nets.layers import BatchNorm, Conv, Dense, Layer
from nets.model import Model


def without_batch_norm(model: Model) -> Model:
    """The same function with every batch normalisation right behind a convolution or a dense layer folded into it."""
    layers: list[Layer] = []
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    for index, layer in enumerate(model.layers):
        own = own_arrays(model, index)
        before = layers[-1] if layers else None
        if isinstance(layer, BatchNorm) and isinstance(before, Conv | Dense):
            layers[-1] = replace(before, bias=True) if isinstance(before, Conv) else before
            _fold(arrays, len(layers) - 1, layer, own)
            continue
        arrays |= {f"{len(layers)}.{name}": array for name, array in own.items()}
        layers.append(layer)
    return Model(model.task, tuple(layers), arrays)


def own_arrays(model: Model, index: int) -> dict[str, npt.NDArray[np.float32]]:
    """The arrays of one layer, by their names within it."""
    split = {key: key.split(".") for key in model.arrays}
    return {name: model.arrays[key] for key, (place, name) in split.items() if int(place) == index}


def _fold(arrays: dict[str, Any], place: int, layer: BatchNorm, own: Mapping[str, Any]) -> None:
    gain = own["scale"] / np.sqrt(own["variance"].astype(np.float64) + layer.epsilon)
    bias = arrays.get(f"{place}.bias", np.float32(0))
    arrays[f"{place}.kernel"] = np.asarray(arrays[f"{place}.kernel"] * gain, np.float32)
    arrays[f"{place}.bias"] = np.asarray((bias - own["mean"]) * gain + own["offset"], np.float32)
