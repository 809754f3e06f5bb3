"""What one network answers, learned by another: smaller, of another architecture, or blind to some of the channels.

The student learns the teachers' mean probabilities, softened by a temperature T so that the small ones speak too; the
gradient is multiplied by T² to keep its size. Where windows carry labels, these are mixed in. A regression's student
learns the teachers' mean outputs by squared distance, mixed with the targets by the same share. No label is needed.

Reference: Hinton, Vinyals & Dean 2015, Distilling the knowledge in a neural network, https://arxiv.org/abs/1503.02531;
Ba & Caruana 2014, https://arxiv.org/abs/1312.6184, for outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from flax import nnx
from jax import Array

from nets.epoch import Batch, Loss
from nets.inference import between, logits, probabilities, softmax
from nets.layers import fixed_count
from nets.losses import cross_entropy
from nets.metrics import determination
from nets.model import Model
from nets.network import Network, initial_arrays, names_of
from nets.pretraining import Pretrained, Recipe, build, input_statistics, pretrain
from nets.reconcile import reconcile
from nets.tail import check_count, learn_tail
from nets.training import Epoch
from nets.windows import Windows, stratified_split
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import Answers, Values, answered, check_labels, check_targets, check_values, unanswered

TEMPERATURE = 2.0
LABEL_SHARE = 0.5
DRAWS = 4  # labels drawn for each held-out window


@dataclass(frozen=True)
class Distilled:
    """A student and how it was learned.

    Args:
        model: the student.
        agreement: on the held-out windows, the share where it answers as its teachers do, or R² to their outputs; None
            where none were held out.
        confidence: its mean confidence on them; None for a regression.
        best_epoch: the epoch it was taken from.
        curve: one row an epoch; validation is against the teachers.
    """

    model: Model
    agreement: float | None
    confidence: float | None
    best_epoch: int
    curve: tuple[Epoch, ...]


def distil(
    teachers: Model | Sequence[Model],
    values: Values,
    *,
    labels: Answers | None = None,
    task: TaskSpec | None = None,
    recipe: Recipe | None = None,
    temperature: float = TEMPERATURE,
    label_share: float = LABEL_SHARE,
    seed: int = 0,
    **hooks: Any,
) -> Distilled:
    """Train a student of ``recipe.architecture`` to answer as ``teachers`` do on average.

    Args:
        teachers: one model, or several of one task.
        values: (count, time, channels) windows of the teachers' sensor.
        labels: (count,) or (count, outputs), with -1 or NaN where nobody said; None where nobody said anything.
        task: the student's, with the teachers' answers and perhaps another sensor, whose windows can be made of theirs
            by ``nets.reconcile``; None for the teachers' own.
        recipe: of the student; its ``balance`` and ``label_smoothing`` are not used.
        temperature: T, over 0.
        label_share: how much a label counts beside its teachers, 0 to 1.
        seed: of initial numbers, split and order.
        hooks: ``progress``, ``should_stop`` and ``checkpoint`` of ``nets.training.train``.

    Raises:
        Refused: FIELD_INVALID: teachers that differ, a student's task with other answers or a sensor that cannot be
            made of the teachers', a temperature or share out of range, fewer than two windows; TRAINING_DIVERGED.
    """
    models = (teachers,) if isinstance(teachers, Model) else tuple(teachers)
    recipe = recipe or Recipe()
    taught = _common_task(models)
    own = task or taught
    _check(taught, own, temperature, label_share)
    values = check_values(values, taught.sensor)
    said = _labels(taught, values, labels)
    seen = reconcile(values, taught.sensor, own.sensor).values
    if len(values) < 2:
        raise _refused("values", "needs two windows", len(values), "Give the windows that the student should answer.")
    if taught.outputs:
        return _regression(models, own, values, seen, said, recipe, label_share, seed, hooks)
    soft = np.mean([softmax(logits(model, values) / np.float32(temperature)) for model in models], 0)
    shares = np.mean([probabilities(model, values) for model in models], 0)
    return _classes(own, seen, soft, shares, said, recipe, (temperature, label_share), seed, hooks)


def _classes(
    task: TaskSpec,
    values: Values,
    soft: npt.NDArray[np.float32],
    shares: npt.NDArray[np.float32],
    said: Answers,
    recipe: Recipe,
    mixture: tuple[float, float],
    seed: int,
    hooks: Any,
) -> Distilled:
    answers = shares.argmax(1)
    learn, held_out = stratified_split(answers, recipe.validation_share, seed)
    layers = build(task, recipe)
    arrays = initial_arrays(layers, task.sensor.window_shape, seed)
    fixed = fixed_count(layers)
    entering = between(layers[:fixed], {}, values[learn]) if fixed else values[learn]
    arrays[f"{fixed}.mean"], arrays[f"{fixed}.deviation"] = input_statistics(entering)
    wanted = np.concatenate([soft, said[:, None].astype(np.float32)], 1)  # (count, classes + 1): the label comes last
    model, trained = learn_tail(
        Model(task, layers, arrays),
        fixed,
        names_of(layers, arrays, nnx.Param),
        Windows(values[learn], wanted[learn]),
        _drawn(values[held_out], shares[held_out], seed) if len(held_out) else None,
        distillation_loss(*mixture),
        recipe,
        seed,
        **hooks,
    )
    if not len(held_out):
        return Distilled(model, None, None, trained.best_epoch, trained.curve)
    found = probabilities(model, values[held_out])
    agreement = float((found.argmax(1) == answers[held_out]).mean())
    return Distilled(model, agreement, float(found.max(1).mean()), trained.best_epoch, trained.curve)


def _drawn(values: Values, shares: npt.NDArray[np.float32], seed: int) -> Windows:
    """Windows, each ``DRAWS`` times, with labels drawn from the teachers' probabilities (windows, classes).

    The cross-entropy against such labels is on average that against the probabilities, so the best epoch is not the one
    that overstates what the teachers only lean to.
    """
    random = np.random.default_rng(seed)
    ends = np.cumsum(shares, 1)[:, None, :-1]
    labels = (random.random((len(shares), DRAWS, 1)) > ends).sum(-1)
    return Windows(np.repeat(values, DRAWS, 0), labels.ravel().astype(np.int32))


@lru_cache(maxsize=16)
def distillation_loss(temperature: float, label_share: float) -> Loss:
    def loss(network: Network, batch: Batch, key: Array) -> Array:
        values, wanted = batch.groups["source"]
        soft, labels = wanted[:, :-1], wanted[:, -1].astype(jnp.int32)
        scores = network(values, True, key)
        apart = -(soft * jax.nn.log_softmax(scores / temperature)).sum(-1) * temperature**2
        share = jnp.where(labels >= 0, label_share, 0.0)
        known = (labels >= 0).mean()  # ``cross_entropy`` is a mean over the labelled windows alone
        mean: Array = ((1 - share) * apart).mean() + label_share * known * cross_entropy(scores, labels)
        return mean

    return loss


def _regression(
    models: Sequence[Model],
    task: TaskSpec,
    values: Values,
    seen: Values,
    said: Answers,
    recipe: Recipe,
    label_share: float,
    seed: int,
    hooks: Any,
) -> Distilled:
    """Two squared distances, weighed, have the gradient of one to the weighed mean of what they aim at."""
    taught = np.mean([logits(model, values) for model in models], 0)
    targets = np.where(answered(said)[:, None], (1 - label_share) * taught + label_share * said, taught)
    found: Pretrained = pretrain(task, seen, targets.astype(np.float32), recipe=recipe, seed=seed, **hooks)
    held_out = stratified_split(targets, recipe.validation_share, seed)[1]
    agreement = None
    if len(held_out):
        agreement = float(determination(logits(found.model, seen[held_out]), taught[held_out]).mean())
    return Distilled(found.model, agreement, None, found.best_epoch, found.curve)


def _labels(task: TaskSpec, values: Values, labels: Answers | None) -> Answers:
    if labels is None:
        return unanswered(len(values), len(task.outputs))
    size = len(task.classes)
    found = check_targets(labels, len(task.outputs)) if task.outputs else check_labels(labels, size)
    check_count(values, found)
    return found


def _common_task(models: Sequence[Model]) -> TaskSpec:
    if not models:
        raise _refused("teachers", "needs one at least", 0, "Name a model to learn from.")
    first = models[0].task
    for model in models[1:]:
        if (model.task.sensor, model.task.classes, model.task.outputs) != (first.sensor, first.classes, first.outputs):
            words = "answers another question, or of another sensor, than the first"
            raise _refused("teachers", words, model.task.name, "Name teachers of one task.")
    return first


def _check(taught: TaskSpec, own: TaskSpec, temperature: float, label_share: float) -> None:
    if (own.classes, own.outputs) != (taught.classes, taught.outputs):
        found = own.classes or tuple(output.name for output in own.outputs)
        raise _refused("task", "asks for other answers than the teachers give", found, "Use the teachers' answers.")
    if not (0 < temperature < float("inf")):
        raise _refused("temperature", "needs a finite number over 0", temperature, f"Leave it at {TEMPERATURE:g}.")
    if not 0 <= label_share <= 1:
        raise _refused("label_share", "needs 0 to 1", label_share, f"Leave it at {LABEL_SHARE:g}.")


def _refused(field: str, problem: str, found: object, remedy: str) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
