"""What a server says of rollouts, policies and devices, as plain immutable values named as in the API."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class RolloutPlan:
    """How a rollout is judged."""

    stages: tuple[float, ...]
    loss: float
    slower: float
    exceptions: float
    error: float
    report_count: int
    device_count: int


@dataclass(frozen=True)
class RolloutSignal:
    """One of the things that it is judged by; ``passed`` is the API's ``pass``."""

    name: str
    alarm: float
    passed: float
    mean: float


@dataclass(frozen=True)
class RolloutEvent:
    """Something that happened to it."""

    time: datetime | None
    text: str
    state: str
    stage: int


@dataclass(frozen=True)
class Rollout:
    """A version on its way to a fleet; ``state`` is RUNNING, PAUSED, COMPLETED, ABORTED or SUPERSEDED."""

    name: str
    channel: str
    version: str
    plan: RolloutPlan
    state: str
    reason: str
    stage: int
    device_count: int
    report_count: int
    signals: tuple[RolloutSignal, ...]
    events: tuple[RolloutEvent, ...]
    create_time: datetime | None

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.state not in ("RUNNING", "PAUSED")


@dataclass(frozen=True)
class PolicyEvent:
    """Something that a policy did, or left."""

    time: datetime | None
    text: str
    state: str


@dataclass(frozen=True)
class Policy:
    """What a model does about drift by itself; ``adaptation`` holds the fields of an AdaptSpec."""

    name: str
    enabled: bool
    channel: str
    drift_limit: float
    device_count: int
    adaptation: dict[str, Any]
    target: str
    plan: RolloutPlan
    rest_hours: float
    state: str
    job: str
    rollout: str
    events: tuple[PolicyEvent, ...]


@dataclass(frozen=True)
class DeviceEvent:
    """How an update went on a device."""

    time: datetime | None
    version: str
    state: str
    reason: str
    message: str


@dataclass(frozen=True)
class Device:
    """What a device told last; ``drift`` is None where it is unknown."""

    name: str
    version: str
    drift: float | None
    window_count: int
    report_time: datetime | None
    history: tuple[DeviceEvent, ...]
