"""What a policy does next, decided from facts alone."""

from dataclasses import dataclass
from typing import TypeAlias

from service.domain import ENDED, JobState
from service.loop.policy import WORKING, Phase, Policy
from service.names import version_name


@dataclass(frozen=True)
class JobFacts:
    """How the round's job goes.

    Args:
        state: of the job.
        version: number of the version that came of it; 0 where none did.
        promoted: whether the gate let it through.
        why: what the gate said, or why the job failed.
    """

    state: JobState
    version: int = 0
    promoted: bool = True
    why: str = ""


@dataclass(frozen=True)
class Facts:
    """All that a decision rests on.

    Args:
        channel: number of the version that the policy's channel points at; None where there is no channel.
        drifting: devices on it that drift.
        window_count: windows in the target dataset.
        job: of the round.
        has_bundle: whether devices can run the round's version.
        is_signed: whether they find it signed, where updates are.
        rollout_end: how the round's rollout ended, in words; empty while it goes on.
        is_busy: whether another rollout goes on on the channel.
    """

    channel: int | None
    drifting: int = 0
    window_count: int = 0
    job: JobFacts | None = None
    has_bundle: bool = False
    is_signed: bool = True
    rollout_end: str = ""
    is_busy: bool = False


@dataclass(frozen=True)
class Adapt:
    """Begin a round: adapt ``base`` to what the devices sent."""

    base: int


@dataclass(frozen=True)
class Export:
    """Make of a version what devices run."""

    version: int


@dataclass(frozen=True)
class Propose:
    """Point the channel ``candidate`` at a version."""

    version: int


@dataclass(frozen=True)
class RollOut:
    """Begin a rollout."""

    version: int


@dataclass(frozen=True)
class Rest:
    """End the round; ``cancel`` a job that runs."""

    why: str
    cancel: bool = False


@dataclass(frozen=True)
class Wake:
    """Watch again."""


Step: TypeAlias = Adapt | Export | Propose | RollOut | Rest | Wake


def next_step(policy: Policy, facts: Facts, now_us: int) -> Step | None:
    """What to do now; None: nothing yet."""
    if policy.phase is Phase.DISABLED or now_us < policy.progress.wait_us:
        return None
    match policy.phase:
        case Phase.RESTING:
            return Wake()
        case Phase.WATCHING:
            return _watch(policy, facts)
        case Phase.ROLLING_OUT:
            return Rest(facts.rollout_end) if facts.rollout_end else None
    if facts.channel != policy.progress.base:
        return Rest(f"the channel {policy.settings.channel_id} was moved meanwhile", cancel=policy.phase in WORKING)
    if policy.phase in WORKING:
        return _after_job(policy, facts)
    return RollOut(policy.progress.version) if facts.is_signed and not facts.is_busy else None


def _watch(policy: Policy, facts: Facts) -> Step | None:
    enough = facts.drifting >= policy.settings.device_count
    has_news = facts.window_count > policy.progress.window_count  # else the gate would say what it said before
    if facts.channel is None or facts.is_busy or not enough or not has_news:
        return None
    return Adapt(facts.channel)


def _after_job(policy: Policy, facts: Facts) -> Step | None:
    job = facts.job
    if job is None:
        return Rest("its job is gone")
    if job.state not in ENDED:
        return None
    if job.state is not JobState.SUCCEEDED:
        return Rest(f"jobs/{policy.progress.job_id} {job.state.lower()}" + (f": {job.why}" if job.why else ""))
    if policy.phase is Phase.EXPORTING:
        version = policy.progress.version
        name = version_name(policy.model_id, version)
        return Propose(version) if facts.has_bundle else Rest(f"{name} has no bundle for devices")
    if not job.version or not job.promoted:
        return Rest(f"the gate kept the base: {job.why}")
    return Export(job.version)
