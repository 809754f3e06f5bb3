"""How far a rollout has come: every report moves some bets, and bets that are won move the stage or end it.

Two kinds of bets run side by side. *Alarms* bet that the candidate is worse than the plan bears, and the first that
is won ends the rollout. *Passes* bet that it is better than that, and all of them have to be won before the next stage.
Both begin anew in every stage: where it fails at last, what went well before must not hide it. Each is wrong with at
most its share of the plan's error, however often one looks.

A fleet may be smaller than its plan. What it can and cannot give is said by ``settled``.
"""

from collections.abc import Sequence
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
        alarms: bet by signal, that it is worse than the plan bears, on this stage's reports.
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
    known = health.device_id in rollout.devices  # a large set is not copied for every report
    devices = rollout.devices if known else rollout.devices | {health.device_id}
    return _moved(replace(rollout, alarms=alarms, passes=passes, devices=devices, reports=rollout.reports + 1))


def settled(rollout: Rollout, newcomers: Sequence[int]) -> Rollout:
    """The rollout where nobody waits for devices that the fleet does not have.

    A stage needs no more devices than it brings, and one that brings nobody is passed over. A fleet of which no device
    is known passes nothing over: its devices may yet come.

    Args:
        rollout: so far.
        newcomers: known devices that each stage brings, as ``service.rollout.plan.newcomers`` counts them.
    """
    while rollout.verdict is Verdict.RUNNING and any(newcomers):
        brought = newcomers[rollout.stage]
        if brought and not (_shown(rollout) and len(rollout.devices) >= min(rollout.plan.device_count, brought)):
            break
        rollout = _advanced(rollout)
    return rollout


def short_of_devices(rollout: Rollout) -> bool:
    """Whether all is shown in this stage, and only devices are lacking."""
    return rollout.verdict is Verdict.RUNNING and _shown(rollout)


def superseded(rollout: Rollout, why: str) -> Rollout:
    """The rollout after something newer took its place: it ends, stuck or not."""
    return _ended(rollout, Verdict.SUPERSEDED, why)


def aborted(rollout: Rollout, why: str) -> Rollout:
    """The rollout after somebody has stopped it."""
    return _ended(rollout, Verdict.ABORTED, why)


def alarm_error(plan: Plan) -> float:
    """Chance of one alarm in one stage to be wrong."""
    return plan.error / (len(SIGNALS) * len(plan.stages))


def pass_error(plan: Plan) -> float:
    """Chance of one stage to be passed wrongly: all of its passes would have to be wrong."""
    return plan.error / len(plan.stages)


def _ended(rollout: Rollout, verdict: Verdict, why: str) -> Rollout:
    return replace(rollout, verdict=verdict, reason=why) if rollout.verdict is Verdict.RUNNING else rollout


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
        if rollout.alarms[name].shows(alarm_error(plan)):
            return replace(rollout, verdict=Verdict.ABORTED, reason=WORDS[name])
    if _shown(rollout) and len(rollout.devices) >= plan.device_count:
        return _advanced(rollout)
    return rollout


def _shown(rollout: Rollout) -> bool:
    plan = rollout.plan
    passed = all(bet.shows(pass_error(plan)) for bet in rollout.passes.values())
    return passed and rollout.reports >= plan.report_count


def _advanced(rollout: Rollout) -> Rollout:
    if rollout.stage + 1 == len(rollout.plan.stages):
        return replace(rollout, verdict=Verdict.COMPLETED, reason="every stage was passed")
    return replace(begin(rollout.plan), stage=rollout.stage + 1)
