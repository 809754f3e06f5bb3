"""Rollouts: their plan and how they stand."""

import math
from typing import Any

from service.catalogue.rollouts import Staged
from service.convert.common import timestamp, within
from service.names import version_name
from service.rollout.betting import FIRST_MEAN, Bet
from service.rollout.judge import SIGNALS, Rollout, alarm_error, pass_error
from service.rollout.plan import Plan
from slipway.errors import Reason, Refused
from slipway.v1 import rollouts_pb2 as pb

STAGE_LIMIT = 16
COUNT_LIMIT = 1_000_000
NUMBERS = ("loss", "slower", "exceptions", "error")
COUNTS = ("report_count", "device_count")


def limits_from(plan: pb.RolloutPlan, field: str) -> dict[str, Any]:
    """The fields of ``Plan`` that are given; the others have their defaults.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED, with the field.
    """
    if len(plan.stages) > STAGE_LIMIT:
        found = {"found": f"{len(plan.stages)} stages", "limit": STAGE_LIMIT}
        raise Refused(Reason.LIMIT_EXCEEDED, field=f"{field}.stages", **found)
    given: dict[str, Any] = {name: getattr(plan, name) for name in NUMBERS + COUNTS if plan.HasField(name)}
    if plan.stages:
        given["stages"] = tuple(plan.stages)
    for name, value in given.items():
        over = name in COUNTS and value > COUNT_LIMIT
        if over or (name in NUMBERS and not math.isfinite(value)):
            words = {"problem": f"needs a number up to {COUNT_LIMIT}", "found": value}
            raise Refused(
                Reason.FIELD_INVALID, field=f"{field}.{name}", **words, remedy="Leave it out for the default."
            )
    with within(field.rpartition(".")[0]):
        Plan(salt="", **given)
    return given


def plan_to(plan: Plan) -> pb.RolloutPlan:
    """Write a plan, defaults filled in."""
    return pb.RolloutPlan(stages=plan.stages, **{name: getattr(plan, name) for name in NUMBERS + COUNTS})


def rollout_to(found: Staged) -> pb.Rollout:
    """Write a rollout."""
    judged = found.judged
    return pb.Rollout(
        name=found.name,
        channel=found.channel_id,
        version=version_name(found.model_id, found.version),
        plan=plan_to(judged.plan),
        state=found.state,
        reason=judged.reason,
        stage=judged.stage,
        device_count=len(judged.devices),
        report_count=judged.reports,
        signals=[_signal_to(judged, name) for name in SIGNALS],
        events=[
            pb.RolloutEvent(time=timestamp(each.time_us), text=each.text, state=each.state, stage=each.stage)
            for each in found.events
        ],
        create_time=timestamp(found.create_us),
    )


def _signal_to(judged: Rollout, name: str) -> pb.RolloutSignal:
    alarm, test = judged.alarms[name], judged.passes[name]
    return pb.RolloutSignal(
        name=name,
        alarm=_evidence(alarm.log_capital, alarm_error(judged.plan)),
        **{"pass": _evidence(test.log_capital, pass_error(judged.plan))},
        mean=_mean(test),
    )


def _mean(bet: Bet) -> float:
    """Of the observations alone."""
    return (bet.mean * (bet.count + 1) - FIRST_MEAN) / bet.count if bet.count else 0.0


def _evidence(log_capital: float, error: float) -> float:
    """How far a bet is on its way to be won: 0 at the start, or below it, 1 at its end."""
    return min(max(log_capital / -math.log(error), 0.0), 1.0)
