"""How an adaptation runs: numbers with defaults chosen by principle, none of them by test labels."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from adapters.marginal import Shares, floored
from slipway.errors import Reason, Refused


@dataclass(frozen=True)
class Options:
    """All of it prints, compares and survives JSON.

    Args:
        steps: gradient steps at most. Fixed in number, so that a small pool is not seen a hundred times as often.
        batch_size: windows a step from each domain.
        learning_rate: of Adam.
        pull_to_base: weight of half the squared distance from the base (L2-SP; Li et al. 2018,
            https://arxiv.org/abs/1802.01483): few labels move few numbers.
        label_smoothing: share of each label spread evenly over the classes.
        validation_share: of the target's labels, held out to choose when to stop; then all are learned for so long.
        patience: share of the steps without a better held-out loss before it stops.
        marginal: class shares expected in the target: ``"estimated"`` from the base's answers, ``"even"``, or shares.
        source_marginal: class shares the base was trained with; even when None and no source labels are given.
    """

    steps: int = 400
    batch_size: int = 64
    learning_rate: float = 1e-3
    pull_to_base: float = 0.01
    label_smoothing: float = 0.05
    validation_share: float = 0.25
    patience: float = 0.25
    marginal: Literal["estimated", "even"] | tuple[float, ...] = "estimated"
    source_marginal: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _need(1 <= self.steps <= 1_000_000, "steps", "needs 1 to 1000000", self.steps)
        _need(1 <= self.batch_size <= 65_536, "batch_size", "needs 1 to 65536", self.batch_size)
        _need(0 < self.learning_rate < 1, "learning_rate", "needs over 0 to under 1", self.learning_rate)
        _need(0 <= self.pull_to_base < np.inf, "pull_to_base", "needs 0 or more", self.pull_to_base)
        for name in ("label_smoothing", "validation_share", "patience"):
            _need(0 <= getattr(self, name) < 1, name, "needs 0 to under 1", getattr(self, name))
        if isinstance(self.marginal, str):
            _need(self.marginal in ("estimated", "even"), "marginal", "needs estimated, even or shares", self.marginal)


def shares(given: tuple[float, ...], class_count: int, field: str) -> Shares:
    """``given`` as class shares.

    Raises:
        Refused: FIELD_INVALID, not one finite share of 0 or more for each class, or all 0.
    """
    array = np.asarray(given, np.float64)
    fits = array.shape == (class_count,) and np.isfinite(array).all() and (array >= 0).all() and array.sum() > 0
    _need(bool(fits), field, f"needs {class_count} shares of 0 or more", given)
    return floored(array)


def _need(condition: bool, field: str, problem: str, found: object) -> None:
    if not condition:
        remedy = "Correct it, or leave it out for the default."
        raise Refused(Reason.FIELD_INVALID, field=f"options.{field}", problem=problem, found=found, remedy=remedy)
