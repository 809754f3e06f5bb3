"""What a device says of the model's health: sums over windows, and the reports that are made of them."""

from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class Comparison:
    """A candidate beside the version that answers, as ``slipway.v1.Comparison`` has it; means over both's windows."""

    rollout: str
    window_count: int
    confidence: float
    confidence_before: float
    feedback_count: int
    right_count: int
    right_count_before: int
    failure_count: int
    latency_s: float
    latency_before_s: float


@dataclass(frozen=True)
class Health:
    """One report; ``sequence`` counts the device's, and what it says never changes once it has been written down."""

    sequence: int
    version: str
    window_count: int
    drift: float | None = None
    comparison: Comparison | None = None


@dataclass(frozen=True)
class Sums:
    """Counts and sums over windows; ``a + b`` is both together.

    Args:
        windows: that the version answered.
        both: that the candidate saw and answered too; the sums below are over these.
        confidence, confidence_before: of largest probabilities; 0 for a regression, which has none.
        feedback: of these, how many came with their true class.
        right, right_before: of these, answered right.
        failures: that the candidate was to answer and did not.
        latency_s, latency_before_s: of seconds of computing.
    """

    windows: int = 0
    both: int = 0
    confidence: float = 0.0
    confidence_before: float = 0.0
    feedback: int = 0
    right: int = 0
    right_before: int = 0
    failures: int = 0
    latency_s: float = 0.0
    latency_before_s: float = 0.0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def comparison(rollout: str, sums: Sums) -> Comparison | None:
    """The means of ``sums``; None where nothing was compared."""
    if sums.both + sums.failures == 0:
        return None
    count = max(1, sums.both)
    return Comparison(
        rollout=rollout,
        window_count=sums.both,
        confidence=min(1.0, sums.confidence / count),
        confidence_before=min(1.0, sums.confidence_before / count),
        feedback_count=sums.feedback,
        right_count=sums.right,
        right_count_before=sums.right_before,
        failure_count=sums.failures,
        latency_s=sums.latency_s / count,
        latency_before_s=sums.latency_before_s / count,
    )
