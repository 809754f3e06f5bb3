"""Learn the layers behind a point of a network; what stands before it never changes and is computed once."""

from collections.abc import Callable, Iterable
from typing import Any

from nets.epoch import Loss
from nets.inference import between
from nets.layers import Layers, moved
from nets.model import Arrays, Model
from nets.optimizers import cosine_adamw
from nets.pretraining import Recipe
from nets.training import Trained, Validation, train
from nets.windows import Windows, bucket, stratified_split
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import Answers, Values, answered, check_labels, check_targets, check_values


def layers_of(names: Iterable[str]) -> frozenset[int]:
    """Indices of the layers that hold the arrays ``names``."""
    return frozenset(int(name.split(".")[0]) for name in names)


def learn_tail(
    model: Model,
    first: int,
    names: frozenset[str],
    learn: Windows,
    held_out: Windows | None,
    loss: Loss,
    recipe: Recipe,
    seed: int,
    *,
    constants: Arrays | None = None,
    **hooks: Any,
) -> tuple[Model, Trained]:
    """Follow the gradient of ``loss`` in the layers from ``first`` on.

    Args:
        model: to start from.
        first: layers before it are run once over the windows, as in use.
        names: the arrays to learn, as the model names them; all of them in layers from ``first`` on.
        learn: raw windows, and whatever ``loss`` wants to know of each.
        held_out: raw windows with labels or targets, to choose the epoch.
        loss: of the group ``source``; the network it is given begins with layer ``first``.
        recipe: how; its architecture is not looked at.
        seed: of the order.
        constants: arrays that ``loss`` needs.
        hooks: ``progress``, ``should_stop`` and ``checkpoint`` of ``train``.

    Returns:
        The model, and how it was learned.

    Raises:
        Refused: TRAINING_DIVERGED.
    """
    entered = _entering(model.layers[:first], model.arrays)
    behind = {name: array for name, array in model.arrays.items() if int(name.split(".")[0]) >= first}
    steps = -(-bucket(len(learn.values)) // recipe.batch_size)
    trained = train(
        model.layers[first:],
        moved(behind, -first),
        {"source": Windows(entered(learn.values), learn.labels)},
        loss,
        optimizer=cosine_adamw(recipe.learning_rate, recipe.weight_decay, recipe.epochs * steps),
        trainable=frozenset(moved(dict.fromkeys(names), -first)),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        seed=seed,
        constants=constants,
        validation=None if held_out is None else Validation(Windows(entered(held_out.values), held_out.labels)),
        patience=recipe.patience if held_out is not None else None,
        **hooks,
    )
    return Model(model.task, model.layers, {**model.arrays, **moved(trained.arrays, first)}), trained


def _entering(layers: Layers, arrays: Arrays) -> Callable[[Values], Values]:
    return lambda values: between(layers, arrays, values) if layers else values


def answered_windows(task: TaskSpec, values: Values, labels: Answers) -> Windows:
    """The windows that carry an answer.

    Raises:
        Refused: windows or answers that do not fit the task; LABELS_MISSING: none carries an answer.
    """
    values = check_values(values, task.sensor)
    size = len(task.classes)
    labels = check_targets(labels, len(task.outputs)) if task.outputs else check_labels(labels, size)
    check_count(values, labels)
    said = answered(labels)
    if not said.any():
        raise Refused(Reason.LABELS_MISSING, field="labels", found=0, name=task.name, expected=1)
    return Windows(values[said], labels[said])


def check_count(values: Values, labels: Answers, field: str = "labels") -> None:
    """Insist on one answer a window.

    Raises:
        Refused: FIELD_INVALID.
    """
    if len(values) != len(labels):
        raise Refused(
            Reason.FIELD_INVALID,
            field=field,
            problem=f"needs one answer for each of {len(values)} windows",
            found=len(labels),
            remedy="Give -1, or NaN for a regression, for a window about which nobody said anything.",
        )


def split(windows: Windows, share: float, seed: int) -> tuple[Windows, Windows | None]:
    """Windows to learn from, and those held out to choose the epoch: ``share`` of each class, or None."""
    learn, held_out = stratified_split(windows.labels, share, seed)
    first, second = (Windows(windows.values[rows], windows.labels[rows]) for rows in (learn, held_out))
    return first, second if len(held_out) else None
