"""What happened to a rollout between two looks at it, in words."""

from service.rollout.judge import Rollout

FEW = ", as no other device takes part in the one before"

Happened = tuple[str, int]  # words, and the stage from then on


def began(rollout: Rollout) -> Happened:
    """Of a rollout that nobody has reported to."""
    return f"began with {_share(rollout, 0)}", 0


def reported(before: Rollout, after: Rollout) -> list[Happened]:
    """What a report did; nothing where it stands as it stood."""
    return _between(before, after, "")


def settled(before: Rollout, after: Rollout) -> list[Happened]:
    """What it did that nobody waits for devices that are not there, or that the rollout was ended."""
    return _between(before, after, FEW)


def _between(before: Rollout, after: Rollout, why: str) -> list[Happened]:
    reached = range(before.stage + 1, after.stage + 1)
    happened = [(f"went on to {_share(after, stage)}{why}", stage) for stage in reached]
    if after.verdict is not before.verdict:
        happened.append((f"{after.verdict.lower()}: {after.reason}", after.stage))
    return happened


def _share(rollout: Rollout, stage: int) -> str:
    return f"stage {stage + 1} of {len(rollout.plan.stages)}, {rollout.plan.stages[stage]:.0%} of the fleet"
