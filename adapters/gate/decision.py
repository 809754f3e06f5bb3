"""What the gate insists on, what it saw and what it decided: values that print and survive JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

BASE = "base"


@dataclass(frozen=True)
class Rules:
    """What the gate insists on.

    Args:
        windows: a pool smaller than this is no evidence.
        symptom: the base's mean confidence on the pool must lie this far under that at home.
        sure: the base is sure of a window when it gives its answer at least this chance.
        overturned: share of the windows the base is sure of that a candidate may answer otherwise.
        crowded: a candidate whose answers fill less than this share of the plausible number of classes has collapsed.
        far: divergence from the source inside a model, in nats a channel, over which its sureness means nothing: such a
            candidate is vetoed; when the base itself is that far from home, only labels are heard.
        strayed: total variation, at most, from a candidate's class shares to the nearest plausible ones: those of the
            base's answers, of the source, or half way between.
        confidence: share of resamples in which a candidate must beat the base on a validator to be clearly better.
        margin: lower bound of the gain in a rehearsal over which it counts: a rehearsal guesses at the device, and is
            wrong by some points.
        noise: deviation of the noise for ``consistency``, as a share of each channel's.
    """

    windows: int = 32
    symptom: float = 0.03
    sure: float = 0.9
    overturned: float = 0.3
    crowded: float = 0.6
    far: float = 0.5
    strayed: float = 0.25
    confidence: float = 0.95
    margin: float = 0.1
    noise: float = 0.05


@dataclass(frozen=True)
class Row:
    """One candidate before the gate.

    Args:
        name: the candidate.
        scores: validator → mean score, higher is better.
        beats: validator → share of resamples in which it beats the base.
        rank: mean place over the validators, 1 is best; None when vetoed.
        confidence: of its answers.
        changed: share of windows it answers otherwise than the base.
        overturned: the same among the windows the base is sure of.
        marginal: class shares of its answers.
        labelled_accuracy: on the labels set apart; None without labels. For a regression, R².
        veto: why it may not win, empty when it may.
        gain_bound: lower bound of what it gains in a rehearsal, in accuracy or macro-F1, whichever is less; None when
            it was not rehearsed.
        defended: whether the evidence clearly favours it over the base.
    """

    name: str
    scores: Mapping[str, float]
    beats: Mapping[str, float]
    rank: float | None
    confidence: float
    changed: float
    overturned: float
    marginal: tuple[float, ...]
    labelled_accuracy: float | None
    veto: str = ""
    gain_bound: float | None = None
    defended: bool = False


@dataclass(frozen=True)
class Decision:
    """What the gate says.

    Args:
        chosen: name of the candidate to ship.
        promoted: whether it is another one than the base.
        reason: one sentence.
        evidence: one row a candidate, the base first.
        rehearsal: what was rehearsed, as plain JSON values; None when nothing was.
    """

    chosen: str
    promoted: bool
    reason: str
    evidence: tuple[Row, ...]
    rehearsal: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "evidence": [asdict(row) for row in self.evidence]}
