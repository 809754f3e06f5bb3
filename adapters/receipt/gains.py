"""What transfer promises, measured: to start higher, to learn faster, to end higher (Torrey & Shavlik 2010).

From two learning curves over the same numbers of labels, with the base and without: jumpstart, slope and asymptote; how
many labels the base is worth; and whether it did harm.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise

HARM = 0.005  # a score this much below what the same data give without the base is harm


@dataclass(frozen=True)
class Gains:
    """Differences of scores, 0.01 is a point.

    Args:
        jumpstart: the base untouched, over learning alone from the fewest labels.
        slope: how much more a tenfold of labels brings with the base than alone; below 0 where less is left to gain.
        asymptote: with the base, over learning alone, at the most labels tried.
        labels_saved: labels with which learning alone is as good as the base untouched, in the curve's unit; None when
            even the most labels tried are not.
        harmful: the numbers of labels at which the base made it worse.
    """

    jumpstart: float
    slope: float
    asymptote: float
    labels_saved: float | None
    harmful: tuple[int, ...]

    def to_json(self) -> dict[str, object]:
        """Plain JSON values."""
        return asdict(self)


def gains(untouched: float, transferred: Mapping[int, float], alone: Mapping[int, float]) -> Gains:
    """Compare two learning curves.

    Args:
        untouched: score of the base with no label at all.
        transferred: score by number of labels, with the base.
        alone: score by the same numbers of labels, without.
    """
    few, many = min(alone), max(alone)
    tenfolds = math.log10(many / few)
    learned = (transferred[many] - transferred[few]) / tenfolds
    return Gains(
        jumpstart=untouched - alone[few],
        slope=learned - (alone[many] - alone[few]) / tenfolds,
        asymptote=transferred[many] - alone[many],
        labels_saved=_labels_to_reach(untouched, alone),
        harmful=tuple(count for count in sorted(alone) if transferred[count] < alone[count] - HARM),
    )


def _labels_to_reach(score: float, alone: Mapping[int, float]) -> float | None:
    """Where the curve first reaches ``score``, straight lines between its points over the logarithm of the labels."""
    counts = sorted(alone)
    if alone[counts[0]] >= score:
        return float(counts[0])
    for few, many in pairwise(counts):
        if alone[many] >= score:
            share = (score - alone[few]) / (alone[many] - alone[few])
            return float(few * (many / few) ** share)
    return None
