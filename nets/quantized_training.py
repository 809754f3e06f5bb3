"""Learn on with the rounding of an int8 net in the way, so that the weights learn to live with it.

Forward, weights and activations are rounded as the integers will be; backward, the rounding is the identity between the
ends of its range and cuts the gradient off beyond them (straight-through estimator). The answers to learn are those of
the float model, mixed with labels where there are any. What comes back has its weights on the grid already.

Reference: Jacob et al. 2018, https://arxiv.org/abs/1712.05877; Bengio et al. 2013, https://arxiv.org/abs/1308.3432.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array, lax

from nets.batch_norm_folding import own_arrays
from nets.epoch import Arrays, Batch, Loss, Merge
from nets.inference import logits, softmax
from nets.layers import BatchNorm, Conv, Dense, Layers
from nets.losses import cross_entropy
from nets.model import Model
from nets.network import Network
from nets.pretraining import Recipe
from nets.tail import learn_tail
from nets.windows import Windows
from slipway.errors import Reason, Refused
from slipway.windows import Answers, Values, answered, unanswered

TEMPERATURE = 2.0
LABEL_SHARE = 0.5
STEPS, EPOCH_LIMIT = 800, 100
BATCH_SIZE, LEARNING_RATE = 64, 5e-4
_SCALE_FLOOR = 1e-12


@dataclass(frozen=True)
class FakeGrid:
    """The 256 numbers a byte can hold: (q - zero) * scale."""

    scale: float
    zero: int


@dataclass(frozen=True)
class Rounding:
    """Where an int8 net rounds.

    Args:
        first: index of the layer that reads bytes; those before it stay in float.
        entry: the grid of what enters it.
        copies: how often each of its channels is read, shifted by fractions of a step.
        outputs: (index of a layer, grid of what leaves it), ascending; the last layer leaves unrounded numbers.
        weight_limit: largest integer of a weight.
    """

    first: int
    entry: FakeGrid
    copies: int
    outputs: tuple[tuple[int, FakeGrid], ...]
    weight_limit: int

    def moved(self, by: int) -> "Rounding":
        """The same places when ``by`` more layers stand in front."""
        outputs = tuple((index + by, grid) for index, grid in self.outputs)
        return replace(self, first=self.first + by, outputs=outputs)


def fine_tune(
    model: Model,
    rounding: Rounding,
    values: Values,
    *,
    labels: Answers | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    **hooks: Any,
) -> Model:
    """Learn the layers behind the entry with ``rounding`` in the way, from the float model's own answers.

    Args:
        model: without batch normalisation behind a convolution or a dense layer, see ``nets.batch_norm_folding``.
        rounding: of the int8 net that was calibrated for it.
        values: (count, time, channels) windows of where it will serve.
        labels: (count,) or (count, outputs), with -1 or NaN where nobody said; None where nobody said anything.
        recipe: how; its architecture is not looked at, and the last epoch is taken.
        seed: of the order.
        hooks: ``progress``, ``should_stop`` and ``checkpoint`` of ``nets.training.train``.

    Returns:
        The model, its weights rounded; what calibrates it again finds the same integers.

    Raises:
        Refused: FIELD_REQUIRED without windows, FIELD_INVALID for a batch normalisation that was not folded,
            TRAINING_DIVERGED.
    """
    if len(values) == 0:
        raise Refused(Reason.FIELD_REQUIRED, field="values")
    _check_folded(model)
    learned = frozenset(
        f"{index}.{name}"
        for index, layer in enumerate(model.layers)
        if index >= rounding.first and isinstance(layer, Conv | Dense)
        for name in own_arrays(model, index)
    )
    said = unanswered(len(values), len(model.task.outputs)) if labels is None else labels
    windows = Windows(values, _wanted(model, values, said))
    how = recipe or _recipe(len(values))
    tail = rounding.moved(-rounding.first)  # what stands before the entry is run once, and the rest counted from 0
    loss, merge = _loss(tail, bool(model.task.outputs)), _merge(model.layers[rounding.first :], tail)
    return learn_tail(model, rounding.first, learned, windows, None, loss, how, seed, merge=merge, **hooks)[0]


def _check_folded(model: Model) -> None:
    for index, (before, layer) in enumerate(zip(model.layers, model.layers[1:], strict=False)):
        if isinstance(layer, BatchNorm) and isinstance(before, Conv | Dense):
            raise Refused(
                Reason.FIELD_INVALID,
                field=f"model.layers.{index + 1}",
                problem="needs its batch normalisation folded",
                found="one right behind a convolution or a dense layer",
                remedy="Call without_batch_norm first.",
            )


def _recipe(count: int) -> Recipe:
    epochs = int(np.clip(round(STEPS * BATCH_SIZE / count), 2, EPOCH_LIMIT))
    return Recipe(epochs=epochs, batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE, weight_decay=0.0)


def _wanted(model: Model, values: Values, said: Answers) -> npt.NDArray[np.float32]:
    """What to answer: probabilities, softened, and the label (count, classes + 1); numbers (count, outputs)."""
    taught = logits(model, values)
    if model.task.outputs:
        mixed = (1 - LABEL_SHARE) * taught + LABEL_SHARE * said
        return np.asarray(np.where(answered(said)[:, None], mixed, taught), np.float32)
    soft = softmax(taught / np.float32(TEMPERATURE))
    return np.concatenate([soft, said[:, None].astype(np.float32)], axis=1)


@lru_cache(maxsize=16)
def _merge(layers: Layers, rounding: Rounding) -> Merge:
    return partial(rounded_kernels, layers, rounding)


@lru_cache(maxsize=16)
def _loss(rounding: Rounding, regression: bool) -> Loss:
    def loss(network: Network, batch: Batch, key: Array) -> Array:
        values, wanted = batch.groups["source"]
        scores = forward(network, rounding, values)
        if regression:
            error: Array = jnp.square(scores - wanted).mean()
            return error
        soft, labels = wanted[:, :-1], wanted[:, -1].astype(jnp.int32)
        apart = -(soft * jax.nn.log_softmax(scores / TEMPERATURE)).sum(-1) * TEMPERATURE**2
        share = jnp.where(labels >= 0, LABEL_SHARE, 0.0)
        known = (labels >= 0).mean()  # ``cross_entropy`` is a mean over the labelled windows alone
        mean: Array = ((1 - share) * apart).mean() + LABEL_SHARE * known * cross_entropy(scores, labels)
        return mean

    return loss


def forward(network: Network, rounding: Rounding, values: Array) -> Array:
    """Logits (batch, classes) with activations rounded; ``values`` are windows (batch, time, channels)."""
    grids = dict(rounding.outputs)
    value = _entered(network.run(values, 0, rounding.first), rounding)
    for index in range(rounding.first, len(network.layers)):
        value = network.run(value, index, index + 1)
        if index in grids:
            value = rounded(value, grids[index])
    return value


def _entered(values: Array, rounding: Rounding) -> Array:
    """What the copies of the input say together: their mean."""
    places = (np.arange(rounding.copies) - (rounding.copies - 1) / 2) / rounding.copies * rounding.entry.scale
    parts = [_bytes(values + np.float32(place), rounding.entry) for place in places]
    return lax.stop_gradient(sum(parts[1:], parts[0]) / len(parts))


def rounded(values: Array, grid: FakeGrid) -> Array:
    """``values`` on ``grid``; the gradient passes where they lie inside its range."""
    inside = jnp.clip(values, -grid.zero * grid.scale, (255 - grid.zero) * grid.scale)
    return inside + lax.stop_gradient(_bytes(values, grid) - inside)


def _bytes(values: Array, grid: FakeGrid) -> Array:
    return jnp.clip(jnp.rint(values / grid.scale), -grid.zero, 255 - grid.zero) * grid.scale


def rounded_kernels(layers: Layers, rounding: Rounding, arrays: Mapping[str, Any]) -> Arrays:
    """``arrays`` of ``layers`` with every kernel behind the entry on its grid of integers, one scale a feature."""
    found = dict(arrays)
    for index, layer in enumerate(layers):
        if index >= rounding.first and isinstance(layer, Conv | Dense):
            copies = rounding.copies if index == rounding.first else 1  # together they round to a finer whole
            found[f"{index}.kernel"] = _rounded_kernel(jnp.asarray(arrays[f"{index}.kernel"]), rounding, copies)
    return found


def _rounded_kernel(kernel: Array, rounding: Rounding, copies: int) -> Array:
    largest = jnp.abs(kernel).max(axis=tuple(range(kernel.ndim - 1)))
    scale = lax.stop_gradient(jnp.maximum(largest / (rounding.weight_limit * copies), _SCALE_FLOOR))
    return kernel + lax.stop_gradient(jnp.rint(kernel / scale) * scale - kernel)
