"""Learn several tasks at once: the sum of what each says about the windows that carry its answer."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx
from jax import Array

from nets import regression
from nets.epoch import Batch, Loss
from nets.inference import between
from nets.layers import fixed_count
from nets.losses import cross_entropy
from nets.model import Model
from nets.multi_task import MultiTask, columns, joint_task
from nets.network import Network, initial_arrays, names_of
from nets.pretraining import Recipe, build, input_statistics
from nets.regression import Scale
from nets.tail import check_count, learn_tail
from nets.windows import Windows
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import Answers, Values, answered, check_labels, check_targets, check_values


def learn_together(
    tasks: Sequence[TaskSpec],
    values: Values,
    labels: Mapping[str, Answers],
    *,
    weights: Mapping[str, float] | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    **hooks: Any,
) -> MultiTask:
    """Train one network for all ``tasks``.

    Each task's loss is a mean over the batch's windows that carry its answer: cross-entropy for classes, for a
    regression the squared error in deviations of its outputs. No window is held out, because no one number says which
    epoch is best for all tasks; the rate has fallen to nothing in the last, which is taken.

    Args:
        tasks: of one sensor, in the order of the joint answer.
        values: (count, time, channels), in the sensor's units.
        labels: for each task (count,) or (count, outputs), -1 or NaN where nobody said; see ``nets.multi_task.pooled``.
        weights: how much a task's loss counts, by name; 1 for a task that is not named.
        recipe: how; ``balance``, ``validation_share`` and ``patience`` are not used.
        seed: of initial numbers and order.
        hooks: ``progress``, ``should_stop`` and ``checkpoint`` of ``nets.training.train``.

    Raises:
        Refused: windows or answers that do not fit the tasks, a task without any answer (LABELS_MISSING), a weight
            that is not a positive number, or TRAINING_DIVERGED.
    """
    recipe, task, tasks = recipe or Recipe(), joint_task(tasks), tuple(tasks)
    values = check_values(values, task.sensor)
    scales: dict[str, Scale] = {}
    wanted = []
    for one in tasks:
        found = _checked(one, values, labels)
        if one.outputs:
            scales[one.name] = regression.scale_of(found[answered(found)])
            found = scales[one.name].standardised(found)
        wanted.append(found.reshape(len(found), -1).astype(np.float32))
    layers = build(task, recipe)
    arrays = initial_arrays(layers, task.sensor.window_shape, seed)
    fixed = fixed_count(layers)
    entering = between(layers[:fixed], {}, values) if fixed else values
    arrays[f"{fixed}.mean"], arrays[f"{fixed}.deviation"] = input_statistics(entering)
    forms = tuple((bool(one.outputs), one.answer_size, _weight(one, weights or {})) for one in tasks)
    model, _ = learn_tail(
        Model(task, layers, arrays),
        fixed,
        names_of(layers, arrays, nnx.Param),
        Windows(values, np.concatenate(wanted, 1)),
        None,
        _loss(forms, recipe.label_smoothing),
        recipe,
        seed,
        **hooks,
    )
    in_units = regression.rescaled(layers, model.arrays, _joint_scale(tasks, scales))
    return MultiTask(Model(task, layers, in_units), tasks)


@lru_cache(maxsize=16)
def _loss(forms: tuple[tuple[bool, int, float], ...], label_smoothing: float) -> Loss:
    """The sum over ``forms``: for each task whether it is a regression, how many numbers it answers, what it counts."""

    def loss(network: Network, batch: Batch, key: Array) -> Array:
        values, wanted = batch.groups["source"]
        answers = network(values, True, key)
        total: Array = jnp.zeros(())
        column = asked = 0
        for outputs, size, weight in forms:
            part = answers[:, column : column + size]
            if outputs:
                total += weight * _known_error(part, wanted[:, asked : asked + size])
            else:
                labels = wanted[:, asked].astype(jnp.int32)
                total += weight * cross_entropy(part, labels, label_smoothing=label_smoothing)
            column, asked = column + size, asked + (size if outputs else 1)
        return total

    return loss


def _known_error(outputs: Array, targets: Array) -> Array:
    """Mean squared error over the windows with targets (batch, outputs); 0 when none has any."""
    known = jnp.isfinite(targets).all(1)
    # The unknown are replaced before they are squared: a NaN times zero would still be one, in the gradient too.
    errors = jnp.square(outputs - jnp.where(known[:, None], targets, 0.0)).mean(1)
    mean: Array = (errors * known).sum() / jnp.maximum(known.sum(), 1)
    return mean


def _checked(task: TaskSpec, values: Values, labels: Mapping[str, Answers]) -> Answers:
    field = f"labels.{task.name}"
    if task.name not in labels:
        raise Refused(Reason.LABELS_MISSING, field=field, found=0, name=task.name, expected=1)
    given = labels[task.name]
    count = len(task.classes)
    found = check_targets(given, len(task.outputs), field) if task.outputs else check_labels(given, count, field)
    check_count(values, found, field)
    if not answered(found).any():
        raise Refused(Reason.LABELS_MISSING, field=field, found=0, name=task.name, expected=1)
    return found


def _weight(task: TaskSpec, weights: Mapping[str, float]) -> float:
    weight = float(weights.get(task.name, 1.0))
    if not 0 < weight < float("inf"):
        raise Refused(
            Reason.FIELD_INVALID,
            field=f"weights.{task.name}",
            problem="needs a finite number over 0",
            found=weight,
            remedy="Leave a task out to have it count nothing.",
        )
    return weight


def _joint_scale(tasks: Sequence[TaskSpec], scales: Mapping[str, Scale]) -> Scale:
    """The scale of every column: that of its outputs for a regression, none for logits."""
    total = sum(task.answer_size for task in tasks)
    mean: npt.NDArray[np.float32] = np.zeros(total, np.float32)
    deviation: npt.NDArray[np.float32] = np.ones(total, np.float32)
    for name, part in columns(tasks).items():
        if name in scales:
            mean[part], deviation[part] = scales[name]
    return Scale(mean, deviation)
