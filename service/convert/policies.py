"""Policies: what a model does about drift by itself."""

import math
from dataclasses import replace
from typing import Any

from service.catalogue.policies import Kept
from service.catalogue.policy_moves import CANDIDATE
from service.convert import adaptation
from service.convert.common import timestamp, whole
from service.convert.rollouts import COUNT_LIMIT, limits_from, plan_to
from service.domain import AdaptSpec
from service.loop.policy import Phase, Settings
from service.names import channel_key, dataset_id, policy_model, rollout_name, version_name
from service.rollout.plan import Plan
from slipway.errors import Reason, Refused
from slipway.v1 import jobs_pb2
from slipway.v1 import rollouts_pb2 as pb

DEFAULTS = Settings(target="")
REST_LIMIT_HOURS = 24.0 * 366
STATES = {
    Phase.DISABLED: pb.Policy.DISABLED,
    Phase.WATCHING: pb.Policy.WATCHING,
    Phase.ADAPTING: pb.Policy.ADAPTING,
    Phase.EXPORTING: pb.Policy.ADAPTING,
    Phase.PROPOSED: pb.Policy.ADAPTING,
    Phase.ROLLING_OUT: pb.Policy.ROLLING_OUT,
    Phase.RESTING: pb.Policy.RESTING,
}


def settings_from(policy: pb.Policy) -> tuple[str, bool, Settings]:
    """(model, whether it does anything by itself, how).

    Raises:
        Refused: with the field that is missing or wrong.
    """
    model_id = policy_model(policy.name, "policy.name")
    channel = f"models/{model_id}/channels/{policy.channel or DEFAULTS.channel_id}"
    _, channel_id = channel_key(channel, "policy.channel")
    if channel_id == CANDIDATE:
        words = {"problem": "is where a policy puts what is yet to be shown good", "found": repr(CANDIDATE)}
        raise Refused(Reason.FIELD_INVALID, field="policy.channel", **words, remedy="Name the one that devices follow.")
    settings = Settings(
        target=dataset_id(policy.target, "policy.target"),
        channel_id=channel_id,
        drift_limit=_number(policy.drift_limit, "policy.drift_limit", math.inf) or DEFAULTS.drift_limit,
        device_count=whole(policy.device_count, "policy.device_count", COUNT_LIMIT) or DEFAULTS.device_count,
        adaptation=_adaptation_from(policy.adaptation),
        limits=limits_from(policy.plan, "policy.plan"),
        rest_hours=_number(policy.rest_hours, "policy.rest_hours", REST_LIMIT_HOURS) or DEFAULTS.rest_hours,
    )
    return model_id, policy.enabled, settings


def policy_to(kept: Kept) -> pb.Policy:
    """Write a policy, defaults filled in."""
    policy, settings, progress = kept.policy, kept.policy.settings, kept.policy.progress
    return pb.Policy(
        name=f"models/{policy.model_id}/policy",
        enabled=policy.phase is not Phase.DISABLED,
        channel=settings.channel_id,
        drift_limit=settings.drift_limit,
        device_count=settings.device_count,
        adaptation=adaptation.spec_to(settings.adaptation),
        target=f"datasets/{settings.target}",
        plan=plan_to(Plan(salt="", **settings.limits)),
        rest_hours=settings.rest_hours,
        state=STATES[policy.phase],
        job=f"jobs/{progress.job_id}" if progress.job_id else "",
        rollout=rollout_name(policy.model_id, progress.rollout) if progress.rollout else "",
        events=[
            pb.PolicyEvent(time=timestamp(each.time_us), text=each.text, state=STATES[each.phase])
            for each in kept.events
        ],
    )


def _adaptation_from(spec: jobs_pb2.AdaptSpec) -> AdaptSpec:
    """Everything but base and target, which each round fills in."""
    for name in ("base", "target", "targets"):
        if getattr(spec, name):
            words = {"problem": "is chosen by the policy", "found": getattr(spec, name), "remedy": "Leave it out."}
            raise Refused(Reason.FIELD_INVALID, field=f"policy.adaptation.{name}", **words)
    if spec.gate_policy == jobs_pb2.AdaptSpec.REPORT_ONLY:
        words = {"problem": "ships what the gate refuses", "found": "REPORT_ONLY"}
        remedy = "Leave it out: by itself only what the gate promotes is rolled out."
        raise Refused(Reason.FIELD_INVALID, field="policy.adaptation.gate_policy", **words, remedy=remedy)
    whole_spec = jobs_pb2.AdaptSpec()
    whole_spec.CopyFrom(spec)
    whole_spec.base, whole_spec.target = version_name("model", 1), "datasets/target"
    try:
        return replace(adaptation.spec_from(whole_spec), base="", target="")
    except Refused as refused:
        field = refused.field.replace("job.adapt", "policy.adaptation", 1)
        raise Refused(refused.reason, field=field, **refused.details) from None


def _number(value: float, field: str, limit: float) -> float:
    if not (math.isfinite(value) and 0 <= value <= limit):
        words: dict[str, Any] = {"problem": f"needs 0 to {limit:g}", "found": value}
        raise Refused(Reason.FIELD_INVALID, field=field, **words, remedy="Leave it out for the default.")
    return value
