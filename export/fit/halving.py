"""Successive halving: all learn for a while, the better half goes on for longer, and again.

Reference: Jamieson & Talwalkar 2016, Non-stochastic best arm identification, https://arxiv.org/abs/1502.07943.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from export.fit.table import Row
from export.fit.teaching import Lesson, Pace, accuracy, learn
from nets.inference import logits
from nets.model import Model
from nets.windows import Windows
from slipway.errors import Reason, Refused


@dataclass(frozen=True)
class Effort:
    """How much is tried.

    Args:
        candidates: that learn at all: the largest of each family that fit, then the next.
        steps: of each round; after it, half of those that learned go on.
        finalists: that go on at the least, and are quantized.
        held_out_share: of the windows, where none are given to judge by.
        pace: of learning.

    Raises:
        Refused: FIELD_INVALID, a number that is not over 0, or a share that leaves nothing.
    """

    candidates: int = 8
    steps: tuple[int, ...] = (200, 400, 1200)
    finalists: int = 2
    held_out_share: float = 0.2
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        counts = {"candidates": self.candidates, "finalists": self.finalists, "steps": min(self.steps, default=0)}
        for name, count in counts.items():
            if count < 1:
                raise _refused(name, "needs whole numbers over 0", count)
        if not 0 < self.held_out_share < 1:
            raise _refused("held_out_share", "needs a number between 0 and 1", self.held_out_share)


@dataclass(frozen=True)
class Step:
    """One line of progress: ``done`` of ``total`` rounds of learning, the last of them of ``candidate``."""

    candidate: str
    done: int
    total: int
    accuracy: float


@dataclass(frozen=True, eq=False)
class Runner:
    """A candidate on its way: what is known of it, and what it has learned."""

    row: Row
    model: Model


def halved(
    trying: Iterable[Runner],
    taught: Lesson,
    judging: Windows,
    effort: Effort,
    seed: int,
    *,
    progress: Callable[[Step], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Runner]:
    """All that learned, best first: those of the last round, then those that were left behind in the one before.

    Args:
        trying: to begin with.
        taught: what they learn.
        judging: windows with an answer each.
        effort: how long.
        seed: of the order of windows.
        progress: called after every round of a net.
        should_stop: asked after every pass over the windows.
    """
    running = list(trying)
    behind: list[Runner] = []
    done = 0
    sizes = _sizes(len(running), effort)
    for index, steps in enumerate(effort.steps):
        found = []
        for one in running[: sizes[index]]:
            model = learn(one.model, taught, steps, effort.pace, seed + index, should_stop=should_stop)
            right = accuracy(logits(model, judging.values), judging.labels)
            row = replace(
                one.row, steps=one.row.steps + steps, accuracy=right, fate=f"left behind in round {index + 1}"
            )
            found.append(Runner(row, model))
            done += 1
            if progress is not None:
                progress(Step(row.name, done, sum(sizes), right))
        behind = running[sizes[index] :] + behind
        running = sorted(found, key=_worse)
    return running + behind


def _sizes(count: int, effort: Effort) -> list[int]:
    """How many learn in each round."""
    return [min(count, max(-(-count // 2**index), effort.finalists)) for index in range(len(effort.steps))]


def _worse(one: Runner) -> tuple[float, int, int]:
    assert one.row.accuracy is not None
    return (-one.row.accuracy, one.row.cost.flash_bytes, one.row.cost.instructions)


def _refused(name: str, problem: str, found: object) -> Refused:
    remedy = "Leave it at its default."
    return Refused(Reason.FIELD_INVALID, field=f"effort.{name}", problem=problem, found=found, remedy=remedy)
