"""What a device is offered for its place in a rollout."""

from collections.abc import Sequence
from enum import StrEnum

from service.rollout.plan import lot


class Place(StrEnum):
    """Where a device stands while a rollout goes on."""

    OLD = "OLD"  # runs what the channel points at, and nothing else
    SHADOW = "SHADOW"  # runs the candidate beside it, and reports
    NEW = "NEW"  # runs the candidate: its stage was passed


def place(salt: str, stages: Sequence[float], stage: int, paused: bool, device_id: str) -> Place:
    """Where a device stands in a rollout that has not ended.

    Args:
        salt: of the plan.
        stages: of the plan.
        stage: index of the one that goes on.
        paused: whoever runs the candidate keeps it, and nobody else gets it.
        device_id: whose lot is asked for.
    """
    own = lot(salt, device_id)
    if stage > 0 and own < stages[stage - 1]:
        return Place.NEW
    return Place.SHADOW if own < stages[stage] and not paused else Place.OLD
