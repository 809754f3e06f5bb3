"""``moments`` for many devices at once: one compiled pass from the input upwards.

The devices share the backbone, so what they measured goes through each convolution as one batch; only at the statistics
in scope does each device get its own. The activations are kept from layer to layer, so that a network of many
normalisations costs one forward pass, not one a normalisation.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from adapters.objectives.moments import DEVIATION_FLOOR, statistics_in
from nets.layers import BatchNorm, Layer, Layers
from nets.model import Model
from nets.network import Network
from nets.windows import bucket, pad_rows
from slipway.windows import Values

Arrays = dict[str, npt.NDArray[np.float32]]


def solve_fleet(
    model: Model, names: frozenset[str], pools: Sequence[Values], *, rows: int = 0, width: int = 0
) -> list[Arrays]:
    """The statistics in ``names`` for each of several devices, to rounding what ``moments`` gives each alone.

    Args:
        model: the shared backbone.
        names: the arrays in scope.
        pools: for each device its windows (count, time, channels), at least one.
        rows: pad every pool to so many windows at least, so that batches of other sizes find the program compiled.
        width: pad to so many devices at least, likewise.

    Returns:
        For each device all arrays of the model, those in scope its own.

    Raises:
        Refused: FIELD_INVALID when the scope holds no statistics.
    """
    layers = statistics_in(names, model.layers)
    rows = max(rows, bucket(max(len(pool) for pool in pools)))
    spare = [pools[0][:1]] * (width - len(pools))
    values = np.stack([pad_rows(pool, rows) for pool in (*pools, *spare)])
    counts = np.array([len(pool) for pool in (*pools, *spare)], np.int32)
    found = _statistics(model.layers, layers, dict(model.arrays), values, counts)
    at_rest = {name: np.asarray(array) for name, array in found.items()}
    return [{**model.arrays, **{name: array[lane] for name, array in at_rest.items()}} for lane in range(len(pools))]


@partial(jax.jit, static_argnums=(0, 1))
def _statistics(
    layers: Layers, chosen: tuple[int, ...], arrays: dict[str, Any], values: Array, counts: Array
) -> dict[str, Array]:
    """``"<index>.<name>"`` (devices, channels) of the ``chosen`` layers.

    Args:
        layers: static.
        chosen: static, indices of the layers whose statistics are sought.
        arrays: of the base.
        values: (devices, rows, time, channels), padded.
        counts: (devices,), how many rows are real.
    """
    devices, rows = values.shape[:2]
    weights = (jnp.arange(rows) < counts[:, None]) / counts[:, None].astype(jnp.float32)  # of a row, padding none
    network = Network(layers, arrays)
    found: dict[str, Array] = {}
    x = values.reshape(devices * rows, *values.shape[2:])
    for index in range(chosen[-1] + 1):
        if index not in chosen:
            x = network.run(x, index, index + 1)
            continue
        shape = x.shape
        x = x.reshape(devices, rows, -1, shape[-1])
        mean, variance = _moments(x, weights)
        own = _own(layers[index], arrays, index, mean, variance)
        found |= {f"{index}.{name}": array for name, array in own.items()}
        if index != chosen[-1]:
            x = _normalised(layers[index], arrays, index, own, x).reshape(shape)
    return found


def _moments(x: Array, weights: Array) -> tuple[Array, Array]:
    """Mean and variance (devices, channels) of (devices, rows, time, channels); rows weigh (devices, rows)."""
    mean = _mean(x, weights)
    return mean, _mean(jnp.square(x - mean[:, None, None]), weights)


def _mean(x: Array, weights: Array) -> Array:
    # Over time first, then over rows: short sums keep what a single long one in float32 would lose.
    return jnp.einsum("drc,dr->dc", x.mean(2), weights, precision=jax.lax.Precision.HIGHEST)


def _own(layer: Layer, arrays: dict[str, Any], index: int, mean: Array, variance: Array) -> dict[str, Array]:
    """The layer's statistics; a channel that is constant in the pool keeps the base's scale."""
    if isinstance(layer, BatchNorm):
        before = arrays[f"{index}.variance"]
        constant = jnp.sqrt(variance) < DEVIATION_FLOOR * jnp.sqrt(before + layer.epsilon)
        return {"mean": mean, "variance": jnp.where(constant, before, variance)}
    before, deviation = arrays[f"{index}.deviation"], jnp.sqrt(variance)
    return {"mean": mean, "deviation": jnp.where(deviation < DEVIATION_FLOOR * before, before, deviation)}


def _normalised(layer: Layer, arrays: dict[str, Any], index: int, own: dict[str, Array], x: Array) -> Array:
    """What leaves the layer: (devices, rows, time, channels), each device by its own statistics."""
    if not isinstance(layer, BatchNorm):
        return (x - own["mean"][:, None, None]) / own["deviation"][:, None, None]
    gain: Array = arrays[f"{index}.scale"] * jax.lax.rsqrt(own["variance"] + layer.epsilon)
    offset: Array = arrays[f"{index}.offset"] - own["mean"] * gain
    return x * gain[:, None, None] + offset[:, None, None]
