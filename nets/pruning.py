"""Structured pruning: whole channels leave a network, and what is left is a smaller network of the same records.

A channel is made by a convolution or a dense layer, passes what treats channels one by one, and is read by the next
layer with a whole kernel. Taking it away removes a column of the maker's kernel, its numbers on the way and its rows of
the reader's kernel; where the channel was zero, no answer changes.

How much a channel matters is what its absence would do to the answers: half the Fisher information of a factor on it is
the Kullback-Leibler divergence that removing it causes, to second order, and needs windows but no labels.
Reference: Theis et al. 2018, https://arxiv.org/abs/1801.05787; Molchanov et al. 2019, https://arxiv.org/abs/1906.10771.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

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
from nets.model import Model
from nets.network import Network
from nets.windows import pad_rows
from slipway.errors import Reason, Refused
from slipway.windows import Values, check_values

MULTIPLE = 4  # features that integer kernels compute at once: others in a block are paid for and not used
CHUNK = 64  # windows whose derivatives are taken at once
_ONE_BY_ONE = (Relu, Dropout, MaxPool, GlobalAveragePool)

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


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


def prune(
    model: Model, share: float, scores: Mapping[int, npt.NDArray[Any]] | None = None, *, multiple: int = MULTIPLE
) -> Model:
    """``model`` with a share of the channels of each layer, those that matter most.

    Args:
        model: the network.
        share: of the channels to keep, over 0 to 1.
        scores: of ``importance``; those of the weights by default.
        multiple: that the number of channels kept is rounded to; at least one of it is kept.

    Raises:
        Refused: FIELD_INVALID: the share is out of range, or the network has no channels that can be taken away.
    """
    if not 0 < share <= 1:
        raise _refused("share", "needs a number over 0, at most 1", share, "Say which share of the channels to keep.")
    groups = prunable(model.layers, model.task.sensor.window_shape)
    if not groups:
        kinds = ", ".join(type(layer).__name__ for layer in model.layers)
        raise _refused("model.layers", "no channel can be taken away", kinds, "Choose another network.")
    known = importance(model) if scores is None else scores
    return keep(model, {one.maker: best(known[one.maker], _rounded(share * one.count, multiple)) for one in groups})


def best(scores: npt.NDArray[Any], count: int) -> Indices:
    """Places of the ``count`` largest of ``scores``, in their order; the first of equals."""
    return np.sort(np.argsort(-scores, kind="stable")[:count])


def keep(model: Model, kept: Mapping[int, Indices]) -> Model:
    """``model`` with only some of the channels of some layers.

    Args:
        model: the network.
        kept: maker → indices of its channels that stay.

    Raises:
        Refused: FIELD_INVALID, a layer whose channels cannot be taken away, or none would stay.
    """
    groups = {one.maker: one for one in prunable(model.layers, model.task.sensor.window_shape)}
    layers, arrays = list(model.layers), dict(model.arrays)
    for maker, indices in kept.items():
        if maker not in groups or len(indices) == 0:
            remedy = f"Keep some channels of the layers {', '.join(map(str, groups))}."
            raise _refused(f"kept.{maker}", "its channels cannot be taken away", f"{len(indices)} to stay", remedy)
        group = groups[maker]
        for index in (maker, *group.on_the_way):
            layers[index] = _narrow(layers[index], len(indices))
            for name in [name for name in arrays if int(name.split(".")[0]) == index]:
                arrays[name] = arrays[name][..., indices]
        rows = np.arange(group.rows)[:, None] * group.count + indices  # time first, as ``Flatten`` lays them
        arrays[f"{group.reader}.kernel"] = arrays[f"{group.reader}.kernel"].take(rows.ravel(), axis=-2)
    return Model(model.task, tuple(layers), arrays)


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


def _narrow(layer: Layer, count: int) -> Layer:
    if isinstance(layer, Conv):
        return replace(layer, features=count, groups=1 if layer.groups == 1 else count)
    return replace(layer, features=count) if isinstance(layer, Dense) else layer


def _rounded(count: float, multiple: int) -> int:
    return max(multiple * round(count / multiple), multiple)


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
    from nets.inference import logits  # here: inference reads models, and a model that is pruned by weight needs none

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


def _refused(field: str, problem: str, found: object, remedy: str) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
