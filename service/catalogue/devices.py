"""Queries on what devices told last."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from service.catalogue.tables import devices
from slipway.errors import Reason, Refused

DAY_US = 86_400 * 1_000_000
KNOWN_US = 30 * DAY_US  # a device that was not heard of for so long takes part in nothing
FRESH_US = DAY_US  # drift is of now for so long
QUERY_LIMIT = 500  # ids in one query


@dataclass(frozen=True)
class Device:
    """A row of ``devices``.

    Args:
        id: of the device.
        model_id: that it follows; None if it never said.
        channel_id: that it follows.
        number: version that answers there.
        drift: of its input from what that version learned from.
        window_count: that it answered, as far as it told.
        sequence: of its last report on health.
        report_us: when it told something last.
        seen_us: when it was heard of last, to the day.
    """

    id: str
    model_id: str | None = None
    channel_id: str | None = None
    number: int | None = None
    drift: float | None = None
    window_count: int = 0
    sequence: int = 0
    report_us: int | None = None
    seen_us: int = 0


def get(connection: Connection, device_id: str, field: str = "name") -> Device:
    """One device.

    Raises:
        Refused: DEVICE_NOT_FOUND.
    """
    found = some(connection, [device_id]).get(device_id)
    if found is None:
        raise Refused(Reason.DEVICE_NOT_FOUND, field=field, name=f"devices/{device_id}")
    return found


def page(connection: Connection, model_id: str, after: str | None, limit: int) -> list[Device]:
    """At most ``limit`` devices by id, beginning after ``after``: of all models, or those that run ``model_id``."""
    query = select(devices).where(devices.c.id > (after or "")).order_by(devices.c.id).limit(limit)
    if model_id:
        query = query.where(devices.c.model_id == model_id, devices.c.number.is_not(None))
    return [_record(row) for row in connection.execute(query)]


def some(connection: Connection, ids: Collection[str]) -> dict[str, Device]:
    """Those of ``ids`` that are known."""
    found: dict[str, Device] = {}
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), QUERY_LIMIT):
        here = devices.c.id.in_(wanted[start : start + QUERY_LIMIT])
        rows = connection.execute(select(devices).where(here).with_for_update())
        found |= {row.id: _record(row) for row in rows}
    return found


def keep(connection: Connection, before: Collection[str], changed: Iterable[Device]) -> None:
    """Write devices; ``before`` are the ids of those that have a row."""
    rows = [{name: getattr(device, name) for name in COLUMNS} for device in changed]
    new, old = [row for row in rows if row["id"] not in before], [row for row in rows if row["id"] in before]
    if new:
        connection.execute(insert(devices), new)
    if old:
        connection.execute(UPDATE, [{"device": row.pop("id"), **row} for row in old])


def following(connection: Connection, model_id: str, channel_id: str, now_us: int) -> list[str]:
    """Ids of the devices that follow a channel and were heard of lately."""
    here = (devices.c.model_id == model_id) & (devices.c.channel_id == channel_id)
    return list(connection.scalars(select(devices.c.id).where(here, devices.c.seen_us >= now_us - KNOWN_US)))


def drifting_count(connection: Connection, model_id: str, number: int, limit: float, now_us: int) -> int:
    """Devices on a version whose drift was lately ``limit`` or more."""
    here = (devices.c.model_id == model_id) & (devices.c.number == number)
    fresh = (devices.c.report_us >= now_us - FRESH_US) & (devices.c.drift >= limit)
    return int(connection.scalar(select(func.count()).select_from(devices).where(here, fresh)) or 0)


COLUMNS = tuple(each.name for each in fields(Device))


_VALUES: dict[str, Any] = {name: bindparam(name) for name in COLUMNS if name != "id"}
UPDATE = update(devices).where(devices.c.id == bindparam("device")).values(**_VALUES)


def _record(row: Any) -> Device:
    return Device(**{name: getattr(row, name) for name in COLUMNS})
