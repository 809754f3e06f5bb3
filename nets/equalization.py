"""The same function with its channels equally loud: what one layer divides by, the next one multiplies with.

Between two layers with weights, a ReLU, a maximum or a mean over time lets any positive factor of a channel through.
Where one channel is far louder than the others, a grid of 256 steps that covers it is too coarse for them. The factors
below share the spread out between the numbers and the weights behind them; weights of a depthwise layer have a scale
for each channel anyway, so there the numbers become equally loud.

Reference: Nagel et al. 2019, https://arxiv.org/abs/1906.04721; Xiao et al. 2023, https://arxiv.org/abs/2211.10438.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nets.inference import between
from nets.layers import Conv, Dense, Dropout, GlobalAveragePool, Layer, Layers, MaxPool, Relu
from nets.model import Model
from slipway.windows import Values

SHARE = 0.5  # of a channel's loudness that the weights behind it take over
_HOMOGENEOUS = (Relu, MaxPool, Dropout, GlobalAveragePool)
_FLOOR = 1e-6  # of the loudest channel: what is silent stays as it is

Floats = npt.NDArray[np.float32]


def equalized(model: Model, values: Values) -> Model:
    """``model`` with equally loud channels wherever two layers with weights can share a factor.

    Args:
        model: batch normalisation folded, see ``nets.batch_norm_folding``.
        values: windows (count, time, channels) of where it will serve.
    """
    arrays = dict(model.arrays)
    for first, second in _pairs(model.layers):
        behind = model.layers[first + 1]
        seen = between(model.layers[: first + 1 + isinstance(behind, Relu)], model.arrays, values)
        loudness = np.abs(seen).max(axis=tuple(range(seen.ndim - 1)))
        factor = _factors(loudness, arrays[f"{second}.kernel"], _is_depthwise(model.layers[second]))
        arrays[f"{first}.kernel"] = arrays[f"{first}.kernel"] / factor
        if f"{first}.bias" in arrays:
            arrays[f"{first}.bias"] = arrays[f"{first}.bias"] / factor
        spread = factor if _is_depthwise(model.layers[second]) else factor[:, None]
        arrays[f"{second}.kernel"] = arrays[f"{second}.kernel"] * spread
    return Model(model.task, model.layers, arrays)


def _pairs(layers: Layers) -> Iterator[tuple[int, int]]:
    """Indices of layers with weights between which a channel's factor passes."""
    first = None
    for index, layer in enumerate(layers):
        if isinstance(layer, Conv | Dense):
            if first is not None and (_is_depthwise(layer) or getattr(layer, "groups", 1) == 1):
                yield first, index
            first = index
        elif not isinstance(layer, _HOMOGENEOUS):
            first = None


def _is_depthwise(layer: Layer) -> bool:
    return isinstance(layer, Conv) and layer.groups == layer.features > 1


def _factors(loudness: Floats, kernel: Floats, depthwise: bool) -> Floats:
    """(channels,): what to divide each channel by; the geometric mean over those that are heard is 1."""
    heard = loudness > _FLOOR * loudness.max(initial=0)
    weight = np.abs(kernel).max(axis=tuple(axis for axis in range(kernel.ndim) if axis != kernel.ndim - 2))
    heard &= depthwise | (np.broadcast_to(weight, loudness.shape) > 0)
    if not heard.any():
        return np.ones_like(loudness)
    raw = loudness if depthwise else loudness**SHARE / np.where(heard, weight, 1) ** (1 - SHARE)
    logarithm = np.log(np.where(heard, raw, 1).astype(np.float64))
    return np.asarray(np.where(heard, np.exp(logarithm - logarithm[heard].mean()), 1), np.float32)
