"""A policy: what was set, and how far its round has come."""

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from service.domain import AdaptSpec

HOUR_US = 3600 * 1_000_000
FIRST_PAUSE_US = 60 * 1_000_000
LONGEST_PAUSE_US = 24 * HOUR_US


class Phase(StrEnum):
    """What a policy does now."""

    DISABLED = "DISABLED"
    WATCHING = "WATCHING"
    ADAPTING = "ADAPTING"  # an adapt job runs
    EXPORTING = "EXPORTING"  # an export job makes of its version what devices run
    PROPOSED = "PROPOSED"  # the channel ``candidate`` points at it
    ROLLING_OUT = "ROLLING_OUT"
    RESTING = "RESTING"


WORKING = (Phase.ADAPTING, Phase.EXPORTING)


@dataclass(frozen=True)
class Settings:
    """What an operator has set.

    Args:
        target: id of the dataset that drifting devices send windows to.
        channel_id: that devices follow and that rollouts move.
        drift_limit: drift from which a device counts.
        device_count: drifting devices that begin an adaptation.
        adaptation: how to adapt; its base and target are filled in.
        limits: fields of a rollout's plan that are not the default.
        rest_hours: between the end of a round and the start of the next.
    """

    target: str
    channel_id: str = "stable"
    drift_limit: float = 1.0
    device_count: int = 3
    adaptation: AdaptSpec = dataclasses.field(default_factory=lambda: AdaptSpec(base=""))
    limits: dict[str, Any] = dataclasses.field(default_factory=dict)
    rest_hours: float = 24.0


@dataclass(frozen=True)
class Progress:
    """How far a round has come.

    Args:
        round: how many have begun.
        base: number of the version that it adapts.
        version: number of the version that came of it; 0 before.
        job_id: that runs, or ran last.
        rollout: number of the one that runs, or ran last; 0 before.
        window_count: windows that the target held when it began.
        wait_us: nothing is done before.
        failure_count: attempts at the next step that went wrong.
    """

    round: int = 0
    base: int = 0
    version: int = 0
    job_id: str = ""
    rollout: int = 0
    window_count: int = 0
    wait_us: int = 0
    failure_count: int = 0


@dataclass(frozen=True)
class Policy:
    """What a model does about drift by itself."""

    model_id: str
    settings: Settings
    phase: Phase
    progress: Progress = Progress()


def moved(policy: Policy, phase: Phase, **progress: Any) -> Policy:
    """The policy after a step that went well."""
    kept = {"wait_us": 0, "failure_count": 0, **progress}
    return dataclasses.replace(policy, phase=phase, progress=dataclasses.replace(policy.progress, **kept))


def rested(policy: Policy, now_us: int) -> Policy:
    """The policy at the end of a round."""
    return moved(policy, Phase.RESTING, wait_us=now_us + round(policy.settings.rest_hours * HOUR_US))


def failed(policy: Policy, now_us: int) -> Policy:
    """The policy after a step that went wrong: it is tried again after a pause that grows."""
    count = policy.progress.failure_count + 1
    pause_us = min(FIRST_PAUSE_US << min(count - 1, 20), LONGEST_PAUSE_US)
    progress = dataclasses.replace(policy.progress, wait_us=now_us + pause_us, failure_count=count)
    return dataclasses.replace(policy, progress=progress)
