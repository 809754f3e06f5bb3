"""What the next step of a policy rests on."""

from sqlalchemy import Connection

from service.catalogue import channels, datasets, devices, jobs, models, rollouts
from service.domain import Failure, JobState
from service.loop.policy import WORKING, Phase, Policy
from service.loop.steps import Facts, JobFacts
from service.names import version_key, version_name
from service.trust.signed import Signed, everything
from slipway.errors import Reason, Refused


def facts(connection: Connection, policy: Policy, now_us: int, signed: Signed = everything) -> Facts:
    """All that the next decision rests on."""
    settings, progress, model_id = policy.settings, policy.progress, policy.model_id
    number = _channel(connection, model_id, settings.channel_id)
    others = (each.number for each in rollouts.open_on(connection, model_id, settings.channel_id))
    limits = (settings.drift_limit, now_us)
    return Facts(
        channel=number,
        drifting=0 if number is None else devices.drifting_count(connection, model_id, number, *limits),
        window_count=_window_count(connection, settings.target),
        job=_job(connection, progress.job_id) if policy.phase in WORKING else None,
        has_bundle=bool(progress.version) and _has_bundle(connection, model_id, progress.version),
        is_signed=policy.phase is not Phase.PROPOSED or signed(version_name(model_id, progress.version)),
        rollout_end=_end(connection, policy) if policy.phase is Phase.ROLLING_OUT else "",
        is_busy=any(others) if policy.phase is not Phase.ROLLING_OUT else False,
    )


def _channel(connection: Connection, model_id: str, channel_id: str) -> int | None:
    try:
        return channels.get(connection, model_id, channel_id).number
    except Refused:
        return None


def _window_count(connection: Connection, dataset_id: str) -> int:
    try:
        return datasets.get(connection, dataset_id).window_count
    except Refused:
        return 0


def _has_bundle(connection: Connection, model_id: str, number: int) -> bool:
    return models.BUNDLE in {each.id for each in models.version(connection, model_id, number).artifacts}


def _job(connection: Connection, job_id: str) -> JobFacts | None:
    try:
        job = jobs.get(connection, job_id)
    except Refused:
        return None
    result = job.result
    if job.state is not JobState.SUCCEEDED or result is None:
        return JobFacts(job.state, why=_words(job.failure))
    version = version_key(result.version, "version")[1] if result.version else 0
    decision = result.decision
    promoted = decision is not None and decision.promoted
    return JobFacts(job.state, version, promoted, "" if decision is None else decision.reason)


def _words(failure: Failure | None) -> str:
    if failure is None:
        return ""
    return Refused(Reason(failure.reason), field=failure.field, **failure.details).message


def _end(connection: Connection, policy: Policy) -> str:
    found = rollouts.get(connection, policy.model_id, policy.progress.rollout)
    return f"{found.name} {found.state.lower()}: {found.judged.reason}" if found.ended else ""
