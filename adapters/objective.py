"""What an objective is: terms, each a small record of pure functions, that add and weigh."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from jax import Array

from nets.model import Model
from nets.network import Network
from nets.windows import Windows
from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec

Arrays = Mapping[str, npt.NDArray[np.float32]]
Answer = tuple[Array, Array]  # features (batch, features) and logits (batch, classes) or outputs (batch, outputs)
CLASSES, OUTPUTS = "classes", "outputs"  # what a task asks for


class Need(StrEnum):
    """Data an objective cannot do without."""

    LABELS = "labels"  # of the target, of the source, or of both
    TARGET_WINDOWS = "target windows"
    SOURCE_WINDOWS = "source windows"


class Domain(NamedTuple):
    """What the network says about a batch of one domain.

    Args:
        values: (batch, time, channels), raw windows.
        features: (batch, features), the last Dense layer's input.
        logits: (batch, classes), or (batch, outputs) of a regression.
        labels: (batch,), -1 where nobody said; or (batch, outputs).
        rows: (batch,), which window of the domain each one is.
    """

    values: Array
    features: Array
    logits: Array
    labels: Array
    rows: Array


class Signals(NamedTuple):
    """Everything a loss may look at; a domain that no term needs is None.

    Args:
        labelled: target windows with a label.
        target: target windows, labelled or not; their labels are hidden.
        source: source windows.
        marginal: (classes,), the share of each class that is expected in the target.
        label_weights: (classes,), how much one target label of each class counts.
        label_smoothing: (), share of each label spread evenly over the classes.
        output_scale: (outputs,), deviation of a regression's answers; ones for classes.
        run: raw windows → what the network as it is now says of them.
        head: features → logits.
        base: raw windows → what the base says of them; no gradient.
        changed: the arrays in scope as they are now.
        initial: the same before the first step.
        own: learned numbers that belong to a term and no layer, ``"<term>.<name>"``.
        found: what the terms' ``refresh`` found at the start of this pass, ``"<term>.<name>"``.
        progress: share of all steps that are done.
        key: chance of this step.
        sensor: what measured the windows; static.
    """

    labelled: Domain | None
    target: Domain | None
    source: Domain | None
    marginal: Array
    label_weights: Array
    label_smoothing: Array
    output_scale: Array
    run: Callable[[Array], Answer]
    head: Callable[[Array], Array]
    base: Callable[[Array], Answer]
    changed: Mapping[str, Array]
    initial: Mapping[str, Array]
    own: Mapping[str, Array]
    found: Mapping[str, Array]
    progress: Array
    key: Array
    sensor: SensorSpec | None = None


class Pools(NamedTuple):
    """All windows at hand.

    Args:
        target: what the device measured.
        source: what the base learned from, if it is given.
        base: the model before any closed form changed it: what the source is to be seen through.
    """

    target: Windows
    source: Windows | None
    base: Model | None = None


@dataclass(frozen=True, eq=False)
class Term:
    """One pull on the arrays in scope.

    Args:
        name: as it is written in a job.
        needs: the data it cannot do without.
        loss: a number to descend, if it has a gradient.
        solve: (model, names in scope, pools) → new arrays, if it has a closed form.
        initial: (model, randomness) → learned numbers of its own, ``"<name>.…"``.
        refresh: (network, target windows padded to a bucket, how many are real) → what the loss must know of the whole
            pool at the start of each pass, ``"<name>.…"``; pure, compiled.
        kinds: of task that it serves.
    """

    name: str
    needs: frozenset[Need]
    loss: Callable[[Signals], Array] | None = None
    solve: Callable[[Model, frozenset[str], Pools], Arrays] | None = None
    initial: Callable[[Model, np.random.Generator], Arrays] | None = None
    refresh: Callable[[Network, Windows, Array], dict[str, Array]] | None = None
    kinds: frozenset[str] = frozenset({CLASSES})


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms. A closed form is met or not met, so its weight is 1.

    Args:
        terms: at least one.
        weights: one for each, over 0.

    Raises:
        Refused: FIELD_INVALID, a weight that is not over 0, or one on a closed form.
    """

    terms: tuple[Term, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        for term, weight in zip(self.terms, self.weights, strict=True):
            if not 0 < weight < float("inf") or (term.solve is not None and weight != 1):
                raise Refused(
                    Reason.FIELD_INVALID,
                    field="objective",
                    problem="only a term with a gradient takes a weight, over 0",
                    found=_written(term, weight),
                    remedy="Leave the weight of a closed form out.",
                )

    @property
    def text(self) -> str:
        """As it is written in a job, e.g. ``"coral*0.5 + cross_entropy"``."""
        return " + ".join(_written(*pair) for pair in zip(self.terms, self.weights, strict=True))

    @property
    def needs(self) -> frozenset[Need]:
        """The data that any of its terms cannot do without."""
        return frozenset().union(*(term.needs for term in self.terms))

    @property
    def closed(self) -> tuple[Term, ...]:
        """The terms that have a closed form, in order."""
        return tuple(term for term in self.terms if term.solve is not None)

    @property
    def descended(self) -> tuple[Term, ...]:
        """The terms that have a gradient, in order."""
        return tuple(term for term in self.terms if term.loss is not None)

    def solve(self, model: Model, names: frozenset[str], pools: Pools) -> Arrays:
        """What the closed forms make of ``model``, one after the other."""
        arrays, pools = dict(model.arrays), pools._replace(base=model)
        for term in self.closed:
            assert term.solve is not None
            arrays.update(term.solve(Model(model.task, model.layers, arrays), names, pools))
        return arrays

    def loss(self, signals: Signals) -> Array:
        """The weighted sum of the gradient terms."""
        return total(self.descended, self.descent_weights, signals)

    @property
    def descent_weights(self) -> npt.NDArray[np.float32]:
        """(terms with a gradient,)."""
        pairs = zip(self.terms, self.weights, strict=True)
        return np.asarray([weight for term, weight in pairs if term.loss is not None], np.float32)


def total(terms: tuple[Term, ...], weights: Array | npt.NDArray[np.float32], signals: Signals) -> Array:
    """Σ weight · loss."""
    losses = [weights[index] * term.loss(signals) for index, term in enumerate(terms) if term.loss is not None]
    return sum(losses[1:], losses[0])


def _written(term: Term, weight: float) -> str:
    return term.name if weight == 1 else f"{term.name}*{weight:g}"
