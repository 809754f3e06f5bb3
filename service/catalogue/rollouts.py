"""Queries on rollouts as they stand. What moves them is in ``rollout_moves``."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, select, tuple_

from service.catalogue import models
from service.catalogue.records import ModelChannel
from service.catalogue.tables import channels, rollout_events, rollouts
from service.names import rollout_name
from service.rollout import judge, stored
from service.rollout.judge import Verdict
from service.rollout.plan import Plan
from slipway.errors import Reason, Refused

PAUSED = "PAUSED"
OPEN = (Verdict.RUNNING.value, PAUSED)
EVENT_LIMIT = 1000


@dataclass(frozen=True)
class Event:
    """A row of ``rollout_events``."""

    time_us: int
    text: str
    state: str
    stage: int


@dataclass(frozen=True)
class Staged:
    """A row of ``rollouts``.

    Args:
        model_id: of the model.
        number: of the rollout.
        channel_id: that it is to move.
        base: version that the channel pointed at when it began.
        serial: of the channel when it began.
        version: the candidate.
        judged: how far it has come.
        paused: nothing moves.
        create_us: when it began.
        change_us: when its state or stage changed last.
        events: all that happened; not filled in by every query.
    """

    model_id: str
    number: int
    channel_id: str
    base: int
    serial: int
    version: int
    judged: judge.Rollout
    paused: bool
    create_us: int
    change_us: int
    events: tuple[Event, ...] = ()

    @property
    def name(self) -> str:
        """Its resource name."""
        return rollout_name(self.model_id, self.number)

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.judged.verdict is not Verdict.RUNNING

    @property
    def state(self) -> str:
        """RUNNING, PAUSED, COMPLETED, ABORTED or SUPERSEDED."""
        return PAUSED if self.paused and not self.ended else self.judged.verdict.value


@dataclass(frozen=True)
class Shown:
    """What of a rollout decides on an offer."""

    number: int
    base: int
    version: int
    plan: Plan
    stage: int
    paused: bool


def get(connection: Connection, model_id: str, number: int, field: str = "name") -> Staged:
    """One rollout with its events.

    Raises:
        Refused: ROLLOUT_NOT_FOUND.
    """
    row = connection.execute(select(rollouts).where(key_of(model_id, number)).with_for_update()).one_or_none()
    if row is None:
        raise Refused(Reason.ROLLOUT_NOT_FOUND, field=field, name=rollout_name(model_id, number))
    return _with_events(connection, [_record(row)])[0]


def page(connection: Connection, model_id: str, after: int | None, limit: int) -> list[Staged]:
    """At most ``limit`` rollouts with their events, newest first, beginning after the number ``after``.

    Raises:
        Refused: MODEL_NOT_FOUND.
    """
    models.model(connection, model_id, "parent")
    query = select(rollouts).where(rollouts.c.model_id == model_id).order_by(rollouts.c.number.desc()).limit(limit)
    if after is not None:
        query = query.where(rollouts.c.number < after)
    return _with_events(connection, [_record(row) for row in connection.execute(query)])


def open_on(connection: Connection, model_id: str, channel_id: str) -> list[Staged]:
    """Rollouts of a channel that have not ended."""
    here = (rollouts.c.model_id == model_id) & (rollouts.c.channel_id == channel_id) & rollouts.c.state.in_(OPEN)
    return [_record(row) for row in connection.execute(select(rollouts).where(here).with_for_update())]


def all_open(connection: Connection) -> list[Staged]:
    """Rollouts that have not ended."""
    return [_record(row) for row in connection.execute(select(rollouts).where(rollouts.c.state.in_(OPEN)))]


def running_of(connection: Connection, model_id: str, version: int) -> list[Staged]:
    """Running rollouts of a candidate."""
    here = (
        (rollouts.c.model_id == model_id)
        & (rollouts.c.version == version)
        & (rollouts.c.state == Verdict.RUNNING.value)
    )
    return [_record(row) for row in connection.execute(select(rollouts).where(here).with_for_update())]


def shown_on(connection: Connection, channel: ModelChannel) -> Shown | None:
    """What decides on offers of a channel while a rollout is open there; none once the channel was moved by others."""
    columns = (rollouts.c[name] for name in ("number", "base", "version", "plan", "stage", "state"))
    here = (rollouts.c.model_id == channel.model_id) & (rollouts.c.channel_id == channel.id)
    here &= rollouts.c.state.in_(OPEN) & (rollouts.c.serial == channel.serial)
    row = connection.execute(select(*columns).where(here)).first()
    if row is None:
        return None
    plan = stored.plan_from_json(row.plan)
    return Shown(row.number, row.base, row.version, plan, row.stage, row.state == PAUSED)


def hints(connection: Connection, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, int]]:
    """(moves, moves of rollouts) of each of ``keys`` (model, channel) that exists."""
    here = tuple_(channels.c.model_id, channels.c.id).in_(list(keys))
    rows = connection.execute(select(channels).where(here))
    return {(row.model_id, row.id): (row.serial, row.rollout_serial) for row in rows}


def key_of(model_id: str, number: int) -> Any:
    """Where a rollout's row is."""
    return (rollouts.c.model_id == model_id) & (rollouts.c.number == number)


def _record(row: Row[Any]) -> Staged:
    judged = stored.judged_from_json(stored.plan_from_json(row.plan), row.judged)
    where = (row.model_id, row.number, row.channel_id, row.base, row.serial, row.version)
    return Staged(*where, judged, row.state == PAUSED, row.create_us, row.change_us)


def _with_events(connection: Connection, found: list[Staged]) -> list[Staged]:
    keys = [(each.model_id, each.number) for each in found]
    here = tuple_(rollout_events.c.model_id, rollout_events.c.number).in_(keys)
    rows = connection.execute(select(rollout_events).where(here).order_by(rollout_events.c.serial)).all()
    by_key: dict[tuple[str, int], list[Event]] = {key: [] for key in keys}
    for row in rows:
        by_key[(row.model_id, row.number)].append(Event(row.time_us, row.text, row.state, row.stage))
    return [replace(each, events=tuple(by_key[(each.model_id, each.number)][-EVENT_LIMIT:])) for each in found]
