"""Queries on policies and what they did."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from service.catalogue.records import spec_from
from service.catalogue.tables import policies, policy_events
from service.domain import AdaptSpec
from service.loop.policy import Phase, Policy, Progress, Settings
from slipway.errors import Reason, Refused

KEPT_EVENTS = 100


@dataclass(frozen=True)
class Event:
    """A row of ``policy_events``."""

    time_us: int
    text: str
    phase: Phase


@dataclass(frozen=True)
class Kept:
    """A policy with its newest events, oldest first."""

    policy: Policy
    events: tuple[Event, ...]


def get(connection: Connection, model_id: str) -> Kept:
    """The policy of a model.

    Raises:
        Refused: POLICY_NOT_FOUND.
    """
    found = find(connection, model_id)
    if found is None:
        raise Refused(Reason.POLICY_NOT_FOUND, field="name", name=f"models/{model_id}/policy")
    here = policy_events.c.model_id == model_id
    rows = connection.execute(select(policy_events).where(here).order_by(policy_events.c.serial)).all()
    return Kept(found, tuple(Event(row.time_us, row.text, Phase(row.phase)) for row in rows[-KEPT_EVENTS:]))


def find(connection: Connection, model_id: str) -> Policy | None:
    """The policy of a model, if there is one."""
    query = select(policies).where(policies.c.model_id == model_id).with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else _record(row)


def enabled(connection: Connection) -> list[Policy]:
    """All that may do something by themselves."""
    query = select(policies).where(policies.c.phase != Phase.DISABLED.value).order_by(policies.c.model_id)
    return [_record(row) for row in connection.execute(query)]


def targets(connection: Connection) -> set[str]:
    """Ids of the datasets that enabled policies gather windows in."""
    return set(connection.scalars(select(policies.c.target).where(policies.c.phase != Phase.DISABLED.value)))


def keep(connection: Connection, policy: Policy, text: str, now_us: int) -> None:
    """Write a policy, and what was done as an event."""
    row = {"target": policy.settings.target, "settings": _settings_to(policy.settings), "phase": policy.phase.value}
    row["progress"] = asdict(policy.progress)
    here = policies.c.model_id == policy.model_id
    if not connection.execute(update(policies).where(here).values(**row)).rowcount:
        connection.execute(insert(policies).values(model_id=policy.model_id, **row))
    event = {"model_id": policy.model_id, "time_us": now_us, "text": text, "phase": policy.phase.value}
    connection.execute(insert(policy_events).values(**event))
    own = policy_events.c.model_id == policy.model_id
    newest = select(policy_events.c.serial).where(own).order_by(policy_events.c.serial.desc()).limit(KEPT_EVENTS)
    connection.execute(delete(policy_events).where(own, policy_events.c.serial.not_in(newest)))


def _settings_to(settings: Settings) -> dict[str, Any]:
    return asdict(settings)


def _settings_from(document: dict[str, Any]) -> Settings:
    adaptation = spec_from("adapt", document["adaptation"])
    assert isinstance(adaptation, AdaptSpec)
    limits = dict(document["limits"])
    if "stages" in limits:
        limits["stages"] = tuple(limits["stages"])
    return replace(Settings(**document), adaptation=adaptation, limits=limits)


def _record(row: Row[Any]) -> Policy:
    return Policy(row.model_id, _settings_from(row.settings), Phase(row.phase), Progress(**row.progress))
