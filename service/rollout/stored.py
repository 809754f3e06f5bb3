"""A rollout as JSON values and back, exactly: JSON writes a float with as many digits as it needs."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from service.rollout.betting import Bet
from service.rollout.judge import Rollout, Verdict
from service.rollout.plan import Plan


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """Write a plan."""
    return {**asdict(plan), "stages": list(plan.stages)}


def plan_from_json(document: Mapping[str, Any]) -> Plan:
    """Read a plan."""
    return Plan(**{**document, "stages": tuple(document["stages"])})


def judged_to_json(rollout: Rollout) -> dict[str, Any]:
    """Write all of a rollout but its plan."""
    return {
        "alarms": {name: asdict(bet) for name, bet in rollout.alarms.items()},
        "passes": {name: asdict(bet) for name, bet in rollout.passes.items()},
        "stage": rollout.stage,
        "devices": " ".join(rollout.devices),  # one string: ten thousand ids are written with every batch of reports
        "reports": rollout.reports,
        "verdict": rollout.verdict.value,
        "reason": rollout.reason,
    }


def judged_from_json(plan: Plan, document: Mapping[str, Any]) -> Rollout:
    """Read it back."""
    return Rollout(
        plan=plan,
        alarms={name: Bet(**bet) for name, bet in document["alarms"].items()},
        passes={name: Bet(**bet) for name, bet in document["passes"].items()},
        stage=document["stage"],
        devices=frozenset(document["devices"].split()),
        reports=document["reports"],
        verdict=Verdict(document["verdict"]),
        reason=document["reason"],
    )
