"""A base from labelled source windows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
from flax import nnx
from jax import Array

from nets import regression
from nets.architectures import ARCHITECTURES
from nets.augmentation import Augmentation, augmented, check_fits, drawn
from nets.checkpoints import Checkpoint
from nets.epoch import Batch, Loss
from nets.inference import between, probabilities
from nets.layers import Layers, fixed_count, moved, shapes
from nets.losses import balancing_weights, cross_entropy
from nets.model import Model
from nets.network import Network, initial_arrays, names_of
from nets.optimizers import cosine_adamw
from nets.training import Epoch, Progress, Validation, train
from nets.windows import Windows, bucket, stratified_split
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import UNLABELLED, Answers, Values, check_labels, check_targets, check_values

DEVIATION_FLOOR = 1e-6  # in the channel's unit: a constant channel must not become infinite


@dataclass(frozen=True)
class Recipe:
    """How a base is trained. All of it prints and survives JSON.

    Args:
        architecture: a key of ``ARCHITECTURES``.
        options: keyword arguments of that architecture.
        epochs: at most; the learning rate falls along a cosine over all of them.
        batch_size: windows a step.
        learning_rate: of AdamW, at its peak.
        weight_decay: of AdamW, on all learned arrays.
        label_smoothing: share of each label spread evenly over the classes.
        balance: weigh classes by one over their share of the windows.
        validation_share: of the windows, held out to choose the epoch.
        patience: epochs without a better validation loss before it ends.
    """

    architecture: str = "cnn"
    options: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    label_smoothing: float = 0.05
    balance: bool = False
    validation_share: float = 0.1
    patience: int | None = None


@dataclass(frozen=True)
class Pretrained:
    """A base and how it was learned.

    Args:
        model: the base.
        confidence: its mean confidence on the held-out windows; a later device is compared with it. None without any,
            and for a regression.
        best_epoch: the epoch the base was taken from.
        curve: one row an epoch.
    """

    model: Model
    confidence: float | None
    best_epoch: int
    curve: tuple[Epoch, ...]


def pretrain(
    task: TaskSpec,
    values: Values,
    labels: Answers,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    checkpoint: Checkpoint | None = None,
    start: Model | None = None,
    mixed: Values | None = None,
    augment: Augmentation | None = None,
) -> Pretrained:
    """Train a network of ``recipe.architecture`` on labelled windows, from scratch or from ``start``.

    Args:
        task: fixes input and classes.
        values: (count, time, channels), in the sensor's units.
        labels: (count,), or (count, outputs) of a regression; windows without a label are left out.
        recipe: how.
        seed: of initial numbers, split and order.
        progress: called after every epoch.
        should_stop: asked after every epoch.
        checkpoint: where to save, and to resume from.
        start: a model of the same task whose layers and numbers, input statistics included, are taken up.
        mixed: windows without labels that only pass through the batch normalisation, batch by batch beside the others:
            the baseline that every alignment loss has to beat (Ragab et al. 2023, https://arxiv.org/abs/2203.08321).
        augment: what other devices would have read is drawn anew for every batch of the labelled windows; the held-out
            ones stay as they were measured.

    Raises:
        Refused: windows, labels or ``augment`` that do not fit the task, fewer than two labelled windows, or training
            diverged.
        Cancelled: ``should_stop`` said so.
    """
    recipe = recipe or Recipe()
    values, labels = _answered(task, values, labels)
    if len(labels) < 2:
        raise Refused(Reason.LABELS_MISSING, field="labels", found=len(labels), name="the source", expected="2")
    whole = build(task, recipe) if start is None else start.layers
    if augment is not None:
        check_fits(augment, task.sensor)
    fixed = 0 if augment is not None else fixed_count(whole)  # what is augmented anew has to pass the front anew
    layers, raw = whole[fixed:], values
    values = between(whole[:fixed], {}, raw) if fixed else raw  # once, not in every step
    learn, held_out = stratified_split(labels, recipe.validation_share, seed)
    arrays = _initial(layers, values[learn], seed, augment) if start is None else moved(start.arrays, -fixed)
    scale = regression.scale_of(labels[learn]) if task.outputs else None
    if scale is not None:
        labels = scale.standardised(labels)
        arrays = arrays if start is None else regression.rescaled(layers, arrays, scale.inverse())
    balance = recipe.balance and not task.outputs
    loss = regression.loss if task.outputs else _loss(recipe.label_smoothing)
    loss = loss if augment is None else _augmenting(loss, augment)
    groups = {"source": Windows(values[learn], labels[learn])}
    if mixed is not None:
        mixed = check_values(mixed, task.sensor)
        mixed = between(whole[:fixed], {}, mixed) if fixed else mixed
        groups["target"] = Windows(mixed, np.full(len(mixed), UNLABELLED, np.int32))
    steps = -(-bucket(len(learn)) // recipe.batch_size)
    trained = train(
        layers,
        arrays,
        groups,
        loss if mixed is None else _mixing(loss),
        optimizer=cosine_adamw(recipe.learning_rate, recipe.weight_decay, recipe.epochs * steps),
        trainable=names_of(layers, arrays, nnx.Param),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        seed=seed,
        constants={"class_weights": balancing_weights(labels[learn], len(task.classes))} if balance else {},
        validation=Validation(Windows(values[held_out], labels[held_out])) if len(held_out) else None,
        patience=recipe.patience,
        progress=progress,
        should_stop=should_stop,
        checkpoint=checkpoint,
    )
    learned = trained.arrays if scale is None else regression.rescaled(layers, trained.arrays, scale)
    model = Model(task, whole, moved(learned, fixed))
    sure = len(held_out) and not task.outputs
    confidence = float(probabilities(model, raw[held_out]).max(1).mean()) if sure else None
    return Pretrained(model, confidence, trained.best_epoch, trained.curve)


def _answered(task: TaskSpec, values: Values, labels: Answers) -> tuple[Values, Answers]:
    """The windows that carry an answer."""
    values = check_values(values, task.sensor)
    if task.outputs:
        labels = check_targets(labels, len(task.outputs))
        said = np.isfinite(labels).all(1)
    else:
        labels = check_labels(labels, len(task.classes))
        said = labels != UNLABELLED
    return values[said], labels[said]


def _initial(
    layers: Layers, values: Values, seed: int, augment: Augmentation | None
) -> dict[str, npt.NDArray[np.float32]]:
    """Random numbers, and the input statistics of what is learned from: augmented, behind the front."""
    arrays = initial_arrays(layers, values.shape[1:], seed)
    seen = values if augment is None else drawn(seed, values, augment)
    fixed = fixed_count(layers)
    mean, deviation = input_statistics(between(layers[:fixed], {}, seen) if fixed else seen)
    return {**arrays, f"{fixed}.mean": mean, f"{fixed}.deviation": deviation}


def build(task: TaskSpec, recipe: Recipe) -> Layers:
    """The layers that ``recipe`` names, for ``task``.

    Raises:
        Refused: FIELD_INVALID, an unknown architecture or options it does not take.
    """
    if recipe.architecture not in ARCHITECTURES:
        raise Refused(
            Reason.FIELD_INVALID,
            field="recipe.architecture",
            problem="not a known architecture",
            found=repr(recipe.architecture),
            remedy=f"Use one of {', '.join(ARCHITECTURES)}.",
        )
    try:
        layers = ARCHITECTURES[recipe.architecture](task, **recipe.options)
        shapes(layers, task.sensor.window_shape)
    except Refused:
        raise
    except (TypeError, ValueError) as error:
        raise Refused(
            Reason.FIELD_INVALID,
            field="recipe.options",
            problem=str(error),
            found=dict(recipe.options),
            remedy="Use the options of the architecture, with widths that fit the window.",
        ) from error
    return layers


def input_statistics(values: Values) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Mean and deviation of each channel over windows and time, summed in double precision."""
    mean = values.mean((0, 1), dtype=np.float64)
    deviation = np.sqrt(np.square(values - mean).mean((0, 1)))
    return mean.astype(np.float32), np.maximum(deviation, DEVIATION_FLOOR).astype(np.float32)


@lru_cache(maxsize=16)
def _loss(label_smoothing: float) -> Loss:
    def loss(network: Network, batch: Batch, key: Array) -> Array:
        source = batch.groups["source"]
        logits = network(source.values, True, key)
        weights = batch.constants.get("class_weights")
        return cross_entropy(logits, source.labels, label_smoothing=label_smoothing, class_weights=weights)

    return loss


@lru_cache(maxsize=16)
def _augmenting(loss: Loss, augmentation: Augmentation) -> Loss:
    """``loss`` of source windows as other devices would have read them."""

    def augmenting(network: Network, batch: Batch, key: Array) -> Array:
        drawing, rest = jax.random.split(key)
        source = batch.groups["source"]
        source = source._replace(values=augmented(drawing, source.values, augmentation))
        return loss(network, batch._replace(groups={**batch.groups, "source": source}), rest)

    return augmenting


@lru_cache(maxsize=16)
def _mixing(loss: Loss) -> Loss:
    """``loss``, and the target's moments are counted into the running ones."""

    def mixing(network: Network, batch: Batch, key: Array) -> Array:
        network(batch.groups["target"].values, True, key)
        return loss(network, batch, key)

    return mixing
