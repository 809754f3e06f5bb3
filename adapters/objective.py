"""What an objective is: a small record of pure functions that add and weigh like terms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from jax import Array

from nets.model import Model
from slipway.errors import Reason, Refused
from slipway.windows import Values

Arrays = Mapping[str, npt.NDArray[np.float32]]


class Need(StrEnum):
    """Data an objective cannot do without."""

    LABELS = "labels"  # of the target, of the source, or of both
    TARGET_WINDOWS = "target windows"
    SOURCE_WINDOWS = "source windows"


class Domain(NamedTuple):
    """What the network says about a batch of one domain.

    Args:
        features: (batch, features), the last Dense layer's input.
        logits: (batch, classes).
        labels: (batch,), -1 where nobody said.
    """

    features: Array
    logits: Array
    labels: Array


class Signals(NamedTuple):
    """Everything a loss may look at; a domain that no term needs is None.

    Args:
        labelled: target windows with a label.
        target: target windows, labelled or not; their labels are hidden.
        source: source windows.
        marginal: (classes,), the share of each class that is expected in the target.
        label_weights: (classes,), how much one target label of each class counts.
        label_smoothing: share of each label spread evenly over the classes.
    """

    labelled: Domain | None
    target: Domain | None
    source: Domain | None
    marginal: Array
    label_weights: Array
    label_smoothing: float


@dataclass(frozen=True)
class Objective:
    """A pull on the arrays in scope.

    Args:
        text: as it is written in a job, e.g. ``"coral*0.5 + cross_entropy"``.
        needs: the data it cannot do without.
        loss: a term to descend, if it has a gradient.
        solve: (model, names in scope, target windows) → new arrays, if it has a closed form.
    """

    text: str
    needs: frozenset[Need]
    loss: Callable[[Signals], Array] | None = None
    solve: Callable[[Model, frozenset[str], Values], Arrays] | None = None


def scaled(objective: Objective, weight: float) -> Objective:
    """``objective`` times ``weight``.

    Raises:
        Refused: FIELD_INVALID, a closed form (it is met or not met) or a weight that is not over 0.
    """
    loss = objective.loss
    if loss is None or objective.solve is not None or not 0 < weight < float("inf"):
        raise Refused(
            Reason.FIELD_INVALID,
            field="objective",
            problem="only a term with a gradient takes a weight, over 0",
            found=f"{objective.text}*{weight:g}",
            remedy="Leave the weight of a closed form out.",
        )
    return Objective(f"{objective.text}*{weight:g}", objective.needs, lambda signals: weight * loss(signals))


def summed(*objectives: Objective) -> Objective:
    """All of ``objectives`` at once: closed forms first, in order, then the sum of the gradients."""
    if len(objectives) == 1:
        return objectives[0]
    losses = [objective.loss for objective in objectives if objective.loss is not None]
    solvers = [objective.solve for objective in objectives if objective.solve is not None]

    def solve(model: Model, names: frozenset[str], values: Values) -> Arrays:
        arrays = dict(model.arrays)
        for solver in solvers:
            arrays.update(solver(Model(model.task, model.layers, arrays), names, values))
        return arrays

    def loss(signals: Signals) -> Array:
        terms = [term(signals) for term in losses]
        return sum(terms[1:], terms[0])

    return Objective(
        " + ".join(objective.text for objective in objectives),
        frozenset().union(*(objective.needs for objective in objectives)),
        loss if losses else None,
        solve if solvers else None,
    )
