"""What moves policies: each step with all that it does in one transaction, so that none is done twice or by half."""

import hashlib
import uuid
from dataclasses import replace

from sqlalchemy import Connection

from service.catalogue import channels, datasets, devices, jobs, models, policies, rollout_moves, rollouts
from service.catalogue.policies import Kept
from service.catalogue.policy_facts import facts
from service.catalogue.records import Job
from service.catalogue.requests import RequestKey
from service.domain import ExportSpec, JobSpec
from service.loop.policy import WORKING, Phase, Policy, Settings, failed, moved, rested
from service.loop.steps import Adapt, Export, Propose, Rest, RollOut, Step, Wake, next_step
from service.names import version_name
from service.trust.signed import Signed, everything

CANDIDATE = "candidate"
OFF = "the policy was switched off"
IDS = uuid.UUID("6a1c1f0e-6d0b-5d5e-9b8e-2f6f3f1b7c55")


def put(connection: Connection, model_id: str, settings: Settings, enabled: bool, now_us: int) -> Kept:
    """Set a policy. One that is switched off, or gets another channel, stops what it has begun.

    Raises:
        Refused: MODEL_NOT_FOUND, DATASET_NOT_FOUND or CHANNEL_NOT_FOUND.
    """
    models.model(connection, model_id, "policy.name")
    datasets.get(connection, settings.target, "policy.target")
    channels.get(connection, model_id, settings.channel_id, "policy.channel")
    before = policies.find(connection, model_id) or Policy(model_id, settings, Phase.DISABLED)
    stop = not enabled or before.settings.channel_id != settings.channel_id
    phase = before.phase
    if stop:
        _stop(connection, before, now_us)
        phase = Phase.DISABLED
    if enabled and phase is Phase.DISABLED:
        phase = Phase.WATCHING
    progress = replace(before.progress, wait_us=0, failure_count=0) if stop else before.progress
    text = "switched off" if not enabled else "switched on" if before.phase is Phase.DISABLED else "set anew"
    policies.keep(connection, Policy(model_id, settings, phase, progress), text, now_us)
    return policies.get(connection, model_id)


def due(connection: Connection, now_us: int, signed: Signed = everything) -> list[str]:
    """Models whose policy has something to do."""
    found = policies.enabled(connection)
    return [each.model_id for each in found if next_step(each, facts(connection, each, now_us, signed), now_us)]


def advance(connection: Connection, model_id: str, now_us: int, signed: Signed = everything) -> Policy | None:
    """Take the next step of a policy, if there is one, and return how it then stands.

    Raises:
        Refused: the step cannot be taken; nothing was changed.
    """
    policy = policies.find(connection, model_id)
    step = None if policy is None else next_step(policy, facts(connection, policy, now_us, signed), now_us)
    if policy is None or step is None:
        return None
    after, text = _carry_out(connection, policy, step, now_us)
    policies.keep(connection, after, text, now_us)
    return after


def put_off(connection: Connection, model_id: str, problem: str, now_us: int) -> None:
    """Note that a step could not be taken; it is tried again after a pause that grows."""
    policy = policies.find(connection, model_id)
    if policy is not None and policy.phase is not Phase.DISABLED:
        policies.keep(connection, failed(policy, now_us), f"the next step failed: {problem}", now_us)


def _carry_out(connection: Connection, policy: Policy, step: Step, now_us: int) -> tuple[Policy, str]:
    """(the policy afterwards, what was done)."""
    settings, model_id = policy.settings, policy.model_id
    match step:
        case Adapt(base):
            began = moved(policy, Phase.ADAPTING, round=policy.progress.round + 1, base=base, version=0)
            name, target = version_name(model_id, base), f"datasets/{settings.target}"
            spec = replace(settings.adaptation, base=name, target=target)
            job = _enter(connection, began, spec, "adapt", now_us)
            count = datasets.get(connection, settings.target).window_count
            drifting = devices.drifting_count(connection, model_id, base, settings.drift_limit, now_us)
            text = f"{drifting} devices on {name} drift: jobs/{job.id} adapts it to {count} windows of {target}"
            return moved(began, Phase.ADAPTING, job_id=job.id, window_count=count), text
        case Export(version):
            made = moved(policy, Phase.EXPORTING, version=version)
            name = version_name(model_id, version)
            job = _enter(connection, made, ExportSpec(name, f"datasets/{settings.target}"), "export", now_us)
            return moved(made, Phase.EXPORTING, job_id=job.id), f"the gate promoted {name}: jobs/{job.id} exports it"
        case Propose(version):
            channels.point(connection, model_id, CANDIDATE, version, "", True, now_us)
            return moved(policy, Phase.PROPOSED), f"{CANDIDATE} points at {version_name(model_id, version)}"
        case RollOut(version):
            key = _request(policy, "rollout")
            found = rollout_moves.create(
                connection, model_id, settings.channel_id, version, settings.limits, key, now_us
            )
            text = f"{found.name} brings {version_name(model_id, version)} to {settings.channel_id}"
            return moved(policy, Phase.ROLLING_OUT, rollout=found.number), text
        case Rest(why, cancel):
            if cancel:
                jobs.cancel(connection, policy.progress.job_id, now_us)
            return rested(policy, now_us), why
        case Wake():
            return moved(policy, Phase.WATCHING), "watches again"


def _stop(connection: Connection, policy: Policy, now_us: int) -> None:
    """Stop what a policy has begun."""
    if policy.phase in WORKING:
        jobs.cancel(connection, policy.progress.job_id, now_us)
    if policy.phase is Phase.ROLLING_OUT:
        found = rollouts.get(connection, policy.model_id, policy.progress.rollout)
        if not found.ended:
            rollout_moves.abort(connection, policy.model_id, found.number, OFF, now_us)


def _enter(connection: Connection, policy: Policy, spec: JobSpec, what: str, now_us: int) -> Job:
    key = _request(policy, what)
    return jobs.create(connection, f"j{key.digest[:16]}", spec, key, now_us)


def _request(policy: Policy, what: str) -> RequestKey:
    """The same for the same step of the same round: whoever takes it twice gets what the first one made."""
    words = f"{policy.model_id}/{policy.progress.base}/{policy.progress.round}/{what}"
    return RequestKey(str(uuid.uuid5(IDS, words)), hashlib.sha256(words.encode()).hexdigest())
