"""How far a rollout has come: every report moves some bets, and bets that are won move the stage or end it.

Two kinds of bets run side by side. *Alarms* bet that the candidate is worse than the plan bears: they run over all
stages, and the first that is won ends the rollout. *Passes* bet that it is better than that: they begin anew in every
stage, and all of them have to be won before the next one. Each is wrong with at most its share of the plan's error,
however often one looks.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from service.rollout.betting import Bet
from service.rollout.health import Health
from service.rollout.plan import Plan, takes_part


class Verdict(StrEnum):
    """Where a rollout stands."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"
    SUPERSEDED = "SUPERSEDED"


SIGNALS = ("quality", "failures", "latency")
WORDS = {
    "quality": "it answers worse than the model before it",
    "failures": "it leaves windows without an answer",
    "latency": "its answers take too long",
}


@dataclass(frozen=True)
class Rollout:
    """A rollout so far. Begin with ``begin``.

    Args:
        plan: what was decided beforehand.
        alarms: bet by signal, that it is worse than the plan bears.
        passes: bet by signal, that it is not, on this stage's reports.
        stage: index into the plan's stages.
        devices: who reported in this stage.
        reports: in this stage.
        verdict: how it stands.
        reason: why it ended; empty before.
    """

    plan: Plan
    alarms: dict[str, Bet]
    passes: dict[str, Bet]
    stage: int = 0
    devices: frozenset[str] = field(default_factory=frozenset)
    reports: int = 0
    verdict: Verdict = Verdict.RUNNING
    reason: str = ""


def begin(plan: Plan) -> Rollout:
    """A rollout that nobody has reported to."""
    return Rollout(plan, _alarms(plan), _passes(plan))


def told(rollout: Rollout, health: Health) -> Rollout:
    """The rollout after a report. One of a device that does not take part, or after the end, changes nothing."""
    if rollout.verdict is not Verdict.RUNNING or not takes_part(rollout.plan, rollout.stage, health.device_id):
        return rollout
    good = _good(rollout.plan, health)
    alarms = {name: bet.seen(1 - good[name]) for name, bet in rollout.alarms.items()}
    passes = {name: bet.seen(good[name]) for name, bet in rollout.passes.items()}
    devices = rollout.devices | {health.device_id}
    return _moved(replace(rollout, alarms=alarms, passes=passes, devices=devices, reports=rollout.reports + 1))


def superseded(rollout: Rollout, by: str) -> Rollout:
    """The rollout after a newer one began: it ends, stuck or not."""
    if rollout.verdict is not Verdict.RUNNING:
        return rollout
    return replace(rollout, verdict=Verdict.SUPERSEDED, reason=f"{by} began")


def _good(plan: Plan, health: Health) -> dict[str, float]:
    """What a report says by signal, 1 at best."""
    return {
        "quality": (1 + health.gain) / 2,
        "failures": 1 - health.failed,
        "latency": 0.0 if health.slower(plan.slower) else 1.0,
    }


def _least(plan: Plan) -> dict[str, float]:
    """The worst mean of each signal that is borne."""
    return {"quality": (1 - plan.loss) / 2, "failures": 1 - plan.exceptions, "latency": 1 - plan.exceptions}


def _alarms(plan: Plan) -> dict[str, Bet]:
    return {name: Bet(1 - least) for name, least in _least(plan).items()}


def _passes(plan: Plan) -> dict[str, Bet]:
    return {name: Bet(least) for name, least in _least(plan).items()}


def _moved(rollout: Rollout) -> Rollout:
    plan = rollout.plan
    for name in SIGNALS:
        if rollout.alarms[name].shows(plan.error / len(SIGNALS)):
            return replace(rollout, verdict=Verdict.ABORTED, reason=WORDS[name])
    enough = rollout.reports >= plan.report_count and len(rollout.devices) >= plan.device_count
    if not enough or not all(bet.shows(plan.error / len(plan.stages)) for bet in rollout.passes.values()):
        return rollout
    if rollout.stage + 1 == len(plan.stages):
        return replace(rollout, verdict=Verdict.COMPLETED, reason="every stage was passed")
    return replace(rollout, stage=rollout.stage + 1, passes=_passes(plan), devices=frozenset(), reports=0)
