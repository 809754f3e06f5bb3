"""Who gets a candidate when: shares of the fleet, by a device's own lot, and what has to be shown on the way."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from slipway.errors import Reason, Refused


@dataclass(frozen=True)
class Plan:
    """A rollout.

    Args:
        salt: of the lots, such as the rollout's name: every rollout begins with other devices.
        stages: shares of the fleet, growing, the last of them 1.
        loss: of quality that is borne, over 0 to under 1: in right answers, or in confidence where nobody knows better.
        slower: how many times as long an answer may take.
        exceptions: share of a stage's reports, or of windows, in which it may be slower, or fail.
        error: chance of stopping a candidate that keeps to all this, and chance of letting one pass that does not,
            each over the whole rollout.
        report_count: reports that a stage takes at least.
        device_count: devices that a stage takes at least.

    Raises:
        Refused: FIELD_INVALID.
    """

    salt: str
    stages: tuple[float, ...] = (0.05, 0.25, 1.0)
    loss: float = 0.03
    slower: float = 1.5
    exceptions: float = 0.1
    error: float = 0.005
    report_count: int = 20
    device_count: int = 3

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip((0.0, *self.stages), self.stages, strict=False))
        _need(bool(self.stages) and rising and self.stages[-1] == 1, "stages", self.stages, "growing shares up to 1")
        for name in ("loss", "exceptions", "error"):
            value = getattr(self, name)
            _need(0 < value < 1, name, value, "a number over 0 and under 1")
        _need(self.slower > 1, "slower", self.slower, "a number over 1")
        for name in ("report_count", "device_count"):
            value = getattr(self, name)
            _need(value >= 1, name, value, "a whole number over 0")


def lot(salt: str, device_id: str) -> float:
    """A number from 0 to under 1 that a device has for good in one rollout."""
    digest = hashlib.sha256(f"{salt}\0{device_id}".encode()).digest()
    return int.from_bytes(digest[:7]) / 2**56


def takes_part(plan: Plan, stage: int, device_id: str) -> bool:
    """Whether a device gets the candidate in a stage; whoever has it in one has it in every later one."""
    return lot(plan.salt, device_id) < plan.stages[stage]


def newcomers(plan: Plan, devices: Iterable[str]) -> tuple[int, ...]:
    """How many of ``devices`` each stage brings that no stage before it did."""
    lots = [lot(plan.salt, device) for device in devices]
    within = [sum(each < share for each in lots) for share in (0.0, *plan.stages)]
    return tuple(after - before for before, after in pairwise(within))


def _need(good: bool, name: str, found: object, wanted: str) -> None:
    if not good:
        words = {"problem": f"needs {wanted}", "found": found, "remedy": "Leave it out for the default."}
        raise Refused(Reason.FIELD_INVALID, field=f"plan.{name}", **words)
