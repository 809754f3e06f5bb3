"""How much a channel matters: what its absence would do to the answers.

Half the Fisher information of a factor on a channel is the Kullback-Leibler divergence that removing it causes, to
second order, and needs windows but no labels.
Reference: Theis et al. 2018, https://arxiv.org/abs/1801.05787; Molchanov et al. 2019, https://arxiv.org/abs/1906.10771.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from nets.channels import Channels, prunable
from nets.inference import logits
from nets.layers import BatchNorm, Layers
from nets.model import Model
from nets.network import Network
from nets.windows import pad_rows
from slipway.errors import Reason, Refused
from slipway.windows import Values, check_values

CHUNK = 64  # windows whose derivatives are taken at once

Floats = npt.NDArray[np.float32]


def importance(model: Model, values: Values | None = None) -> dict[int, Floats]:
    """How much each channel matters.

    Args:
        model: the network.
        values: (count, time, channels) windows of where it serves; without any, a channel counts by the size of its
            weights, those of the batch normalisation included.

    Returns:
        ``{maker: (channels,)}``. With windows the numbers of all makers compare: half the Fisher information of a
        factor on the channel, in nats; for a regression, half the squared change of the outputs in their deviations.

    Raises:
        Refused: windows that do not fit, or FIELD_REQUIRED for none.
    """
    if values is None:
        groups = prunable(model.layers, model.task.sensor.window_shape)
        return {one.maker: _weight(model, one) for one in groups}
    if len(values) == 0:
        raise Refused(Reason.FIELD_REQUIRED, field="values")
    return _fisher(model, check_values(values, model.task.sensor))


def _weight(model: Model, group: Channels) -> Floats:
    """Norm of what makes a channel, times what it is multiplied with, times the norm of what reads it."""
    made = _norm(model.arrays[f"{group.maker}.kernel"], -1)
    for index in group.on_the_way:
        layer = model.layers[index]
        if isinstance(layer, BatchNorm):
            scale, variance = model.arrays[f"{index}.scale"], model.arrays[f"{index}.variance"]
            made = made * np.abs(scale) / np.sqrt(variance + np.float32(layer.epsilon))
        else:
            made = made * _norm(model.arrays[f"{index}.kernel"], -1)
    read = _norm(model.arrays[f"{group.reader}.kernel"], -2)
    return np.asarray(made * np.linalg.norm(read.reshape(group.rows, group.count), axis=0), np.float32)


def _norm(kernel: Floats, axis: int) -> Floats:
    """Of each channel along ``axis``."""
    rest = tuple(at for at in range(kernel.ndim) if at != kernel.ndim + axis)
    return np.asarray(np.sqrt(np.square(kernel).sum(rest)), np.float32)


def _fisher(model: Model, values: Values) -> dict[int, Floats]:
    groups = prunable(model.layers, model.task.sensor.window_shape)
    factors = {one.maker: jnp.ones(one.count) for one in groups}
    places = tuple((one.last, one.maker) for one in groups)
    total = {one.maker: np.zeros(one.count) for one in groups}
    deviation = jnp.asarray(_deviation(model, values)) if model.task.outputs else None
    for at in range(0, len(values), CHUNK):
        part = values[at : at + CHUNK]
        real = jnp.asarray(np.arange(CHUNK) < len(part), jnp.float32)
        found = _information(model.layers, places, dict(model.arrays), factors, pad_rows(part, CHUNK), real, deviation)
        total = {maker: total[maker] + np.asarray(found[maker]) for maker in total}
    return {maker: np.asarray(sums / (2 * len(values)), np.float32) for maker, sums in total.items()}


def _deviation(model: Model, values: Values) -> Floats:
    return np.maximum(logits(model, values).std(0), np.finfo(np.float32).tiny)


@partial(jax.jit, static_argnums=(0, 1))
def _information(
    layers: Layers,
    places: tuple[tuple[int, int], ...],
    arrays: dict[str, Any],
    factors: dict[int, Array],
    values: Array,
    real: Array,
    deviation: Array | None,
) -> dict[int, Array]:
    """Sum over windows of E[(∂ log p(answer) / ∂ factor)²], the answer drawn from the network's own probabilities."""
    network = Network(layers, arrays)

    def scores(factors: dict[int, Array], window: Array) -> Array:
        x, first = window[None], 0
        for last, maker in places:
            x = network.run(x, first, last) * factors[maker]
            first = last
        return network.run(x, first, len(layers))[0]

    def one(window: Array) -> dict[int, Array]:
        slopes = jax.jacrev(scores)(factors, window)  # (classes, channels) each
        if deviation is not None:
            return {maker: jnp.square(slope / deviation[:, None]).sum(0) for maker, slope in slopes.items()}
        shares = jax.nn.softmax(scores(factors, window))[:, None]
        return {maker: (shares * jnp.square(s - (shares * s).sum(0))).sum(0) for maker, s in slopes.items()}

    return {maker: (real[:, None] * found).sum(0) for maker, found in jax.vmap(one)(values).items()}
