"""Learn what a transplant left open, and keep what it took as it is.

Taken layers are run as in use: their batch statistics neither follow the few new windows nor are fed by them, so that
what was learned of them stays true. Layers in front of the first open one are computed once.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from flax import nnx
from jax import Array

from nets import regression
from nets.epoch import Batch, Loss
from nets.inference import probabilities
from nets.losses import balancing_weights, cross_entropy, squared_error
from nets.model import Model
from nets.network import Network, names_of
from nets.pretraining import Pretrained, Recipe
from nets.tail import answered_windows, layers_of, learn_tail, split
from nets.transplant import Transplant
from nets.windows import Windows
from slipway.errors import Reason, Refused
from slipway.windows import Answers, Values


def attach(
    found: Transplant,
    values: Values,
    labels: Answers,
    *,
    open_names: frozenset[str] | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    **hooks: Any,
) -> Pretrained:
    """Learn what ``found`` left open from labelled windows; all its other arrays stay bit for bit.

    Args:
        found: the network.
        values: (count, time, channels), in the sensor's units.
        labels: (count,), or (count, outputs) of a regression; windows without a label are left out.
        open_names: the arrays to learn in place of ``found.fresh``; input statistics among them stay as they are.
        recipe: how; its architecture is not looked at.
        seed: of split and order.
        hooks: ``progress``, ``should_stop`` and ``checkpoint`` of ``nets.training.train``.

    Raises:
        Refused: windows or labels that do not fit the task, no labelled window, nothing to learn (FIELD_INVALID),
            or TRAINING_DIVERGED.
    """
    model, open_names = found.model, found.fresh if open_names is None else open_names
    recipe, task = recipe or Recipe(), model.task
    learn, held_out = split(answered_windows(task, values, labels), recipe.validation_share, seed)
    names = open_names & names_of(model.layers, model.arrays, nnx.Param)
    if not names:
        raise Refused(
            Reason.FIELD_INVALID,
            field="open_names",
            problem="holds no learned array of the model",
            found=sorted(open_names)[:5],
            remedy="Name arrays of layers that learn, such as those of the output layer.",
        )
    first = min(layers_of(names))
    closed = layers_of(model.arrays) - layers_of(open_names)
    still = frozenset(index - first for index in closed if index >= first)
    scale = regression.scale_of(learn.labels) if task.outputs else None
    # An output layer that learns does so on the common scale; one that stays answers in the task's units.
    # A fresh one begins on the common scale; one that was taken is brought to it.
    output = f"{len(model.layers) - 1}.kernel"
    inside = scale if output in names else None
    constants: dict[str, npt.NDArray[np.float32]] = {}
    if scale is not None:
        constants["deviation"] = scale.deviation if inside is None else np.ones_like(scale.deviation)
    elif recipe.balance:
        constants["class_weights"] = balancing_weights(learn.labels, len(task.classes))
    learned, trained = learn_tail(
        _rescaled(model, inside.inverse()) if inside is not None and output in found.taken else model,
        first,
        names,
        _standardised(learn, inside),
        None if held_out is None else _standardised(held_out, inside),
        _loss(still, recipe.label_smoothing, bool(task.outputs)),
        recipe,
        seed,
        constants=constants,
        **hooks,
    )
    learned = learned if inside is None else _rescaled(learned, inside)
    confidence = None
    if held_out is not None and not task.outputs:
        confidence = float(probabilities(learned, held_out.values).max(1).mean())
    return Pretrained(learned, confidence, trained.best_epoch, trained.curve)


def _rescaled(model: Model, scale: regression.Scale) -> Model:
    return Model(model.task, model.layers, regression.rescaled(model.layers, model.arrays, scale))


def _standardised(windows: Windows, scale: regression.Scale | None) -> Windows:
    return windows if scale is None else Windows(windows.values, scale.standardised(windows.labels))


@lru_cache(maxsize=32)
def _loss(still: frozenset[int], label_smoothing: float, outputs: bool) -> Loss:
    """Cross-entropy or squared error of a network whose layers ``still`` run as in use."""

    def loss(network: Network, batch: Batch, key: Array) -> Array:
        answers, labels = batch.groups["source"]
        for index in range(len(network.layers)):
            answers = network.run(answers, index, index + 1, index not in still, key)
        if outputs:
            deviation = batch.constants["deviation"]
            return squared_error(answers / deviation, labels / deviation)
        weights = batch.constants.get("class_weights")
        return cross_entropy(answers, labels, label_smoothing=label_smoothing, class_weights=weights)

    return loss
