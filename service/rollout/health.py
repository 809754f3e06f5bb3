"""What a device says about a candidate beside its current model, and what that means as numbers between 0 and 1."""

import math
from dataclasses import dataclass

from slipway.errors import Reason, Refused

COUNT_LIMIT = 10**9


@dataclass(frozen=True)
class Health:
    """One report of one device over a stretch of windows that both models answered, or should have.

    Args:
        device_id: who says it.
        windows: that both answered.
        confidence: mean over these windows of the candidate's largest probability, 0 to 1.
        confidence_before: of the current model's.
        feedback: windows among them whose true answer somebody told.
        right: of these, answered right by the candidate.
        right_before: of these, answered right by the current model.
        failures: windows that the candidate did not answer: crashes, timeouts, restarts.
        latency_s: mean seconds of an answer by the candidate.
        latency_before_s: by the current model.
        away: the current model is far from what it learned from, so that its confidence is no measure.

    Raises:
        Refused: FIELD_INVALID, a number that cannot be.
    """

    device_id: str
    windows: int
    confidence: float
    confidence_before: float
    feedback: int = 0
    right: int = 0
    right_before: int = 0
    failures: int = 0
    latency_s: float = 0.0
    latency_before_s: float = 0.0
    away: bool = False

    def __post_init__(self) -> None:
        for name in ("windows", "feedback", "right", "right_before", "failures"):
            _need(isinstance(getattr(self, name), int) and 0 <= getattr(self, name) <= COUNT_LIMIT, name, self)
        for name in ("confidence", "confidence_before"):
            _need(0 <= getattr(self, name) <= 1, name, self)
        for name in ("latency_s", "latency_before_s"):
            _need(math.isfinite(getattr(self, name)) and getattr(self, name) >= 0, name, self)
        _need(self.feedback <= self.windows, "feedback", self)
        _need(max(self.right, self.right_before) <= self.feedback, "right", self)
        _need(self.windows + self.failures > 0, "windows", self)

    @property
    def gain(self) -> float:
        """By how much the candidate is better, -1 to 1: in right answers where they are known, else in confidence.

        A device whose candidate answered nothing lost everything. Away from home a model is sure of wrong answers too
        (Ovadia et al. 2019, https://arxiv.org/abs/1906.02530): there nobody is better until somebody tells the answers.
        """
        if self.windows == 0:
            return -1.0
        if self.feedback:
            return (self.right - self.right_before) / self.feedback
        return 0.0 if self.away else self.confidence - self.confidence_before

    @property
    def failed(self) -> float:
        """Share of windows that the candidate left without an answer."""
        return self.failures / (self.windows + self.failures)

    def slower(self, ratio: float) -> bool:
        """Whether an answer takes over ``ratio`` times as long as before."""
        return self.latency_before_s > 0 and self.latency_s > ratio * self.latency_before_s


def _need(good: bool, name: str, health: Health) -> None:
    if not good:
        words = {"problem": "is no number that a device can report", "found": getattr(health, name)}
        raise Refused(
            Reason.FIELD_INVALID, field=f"health.{name}", **words, remedy="Check the device's clock and count."
        )
