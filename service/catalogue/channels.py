"""Queries on channels: names that point at versions, with every move they made."""

import hashlib
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_, update

from service.catalogue import models
from service.catalogue.records import ModelChannel, Move
from service.catalogue.tables import channels, moves
from service.names import version_name
from slipway.errors import Reason, Refused


def get(connection: Connection, model_id: str, channel_id: str, field: str = "name") -> ModelChannel:
    """One channel with its history.

    Raises:
        Refused: MODEL_NOT_FOUND or CHANNEL_NOT_FOUND.
    """
    found = _find(connection, model_id, channel_id)
    if found is None:
        models.model(connection, model_id, field)
        raise Refused(Reason.CHANNEL_NOT_FOUND, field=field, name=f"models/{model_id}/channels/{channel_id}")
    return found


def page(connection: Connection, model_id: str, after: str | None, limit: int) -> list[ModelChannel]:
    """At most ``limit`` channels by name, beginning after ``after``.

    Raises:
        Refused: MODEL_NOT_FOUND.
    """
    models.model(connection, model_id, "parent")
    here = (channels.c.model_id == model_id) & (channels.c.id > (after or ""))
    rows = connection.execute(select(channels).where(here).order_by(channels.c.id).limit(limit)).all()
    return [_record(connection, row) for row in rows]


def point(
    connection: Connection,
    model_id: str,
    channel_id: str,
    number: int,
    etag_seen: str,
    allow_missing: bool,
    now_us: int,
) -> ModelChannel:
    """Point a channel at a version with a bundle. Where it points there already, nothing changes.

    Raises:
        Refused: MODEL_NOT_FOUND, VERSION_NOT_FOUND, CHANNEL_NOT_FOUND, VERSION_NOT_INSTALLABLE or ETAG_MISMATCH.
    """
    version = models.version(connection, model_id, number, "channel.version")
    found = _find(connection, model_id, channel_id)
    if found is None and not allow_missing:
        return get(connection, model_id, channel_id, "channel.name")
    if models.BUNDLE not in {each.id for each in version.artifacts}:
        name = version_name(model_id, number)
        raise Refused(Reason.VERSION_NOT_INSTALLABLE, field="channel.version", name=name)
    _check_etag(found, etag_seen, f"models/{model_id}/channels/{channel_id}")
    if found is None or found.number != number:
        _move(connection, found, model_id, channel_id, number, now_us)
    return get(connection, model_id, channel_id)


def etag(channel: ModelChannel) -> str:
    """Opaque, and other after every move."""
    key = f"models/{channel.model_id}/channels/{channel.id}@{channel.serial}"
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def serials(connection: Connection, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Moves of each of ``keys`` (model, channel) that exists."""
    here = tuple_(channels.c.model_id, channels.c.id).in_(list(keys))
    return {(row.model_id, row.id): row.serial for row in connection.execute(select(channels).where(here))}


def _check_etag(found: ModelChannel | None, seen: str, name: str) -> None:
    current = "" if found is None else etag(found)
    if seen and seen != current:
        raise Refused(Reason.ETAG_MISMATCH, field="channel.etag", name=name, found=repr(seen), expected=repr(current))


def _move(
    connection: Connection, found: ModelChannel | None, model_id: str, channel_id: str, number: int, now_us: int
) -> None:
    serial = 1 if found is None else found.serial + 1
    key = {"model_id": model_id, "id": channel_id}
    if found is None:
        connection.execute(insert(channels).values(**key, number=number, serial=serial))
    else:
        here = (channels.c.model_id == model_id) & (channels.c.id == channel_id)
        connection.execute(update(channels).where(here).values(number=number, serial=serial))
    row = {"model_id": model_id, "channel_id": channel_id, "serial": serial, "number": number, "time_us": now_us}
    connection.execute(insert(moves).values(**row))


def _find(connection: Connection, model_id: str, channel_id: str) -> ModelChannel | None:
    here = (channels.c.model_id == model_id) & (channels.c.id == channel_id)
    row = connection.execute(select(channels).where(here).with_for_update()).one_or_none()
    return None if row is None else _record(connection, row)


def _record(connection: Connection, row: Row[Any]) -> ModelChannel:
    here = (moves.c.model_id == row.model_id) & (moves.c.channel_id == row.id)
    history = connection.execute(select(moves).where(here).order_by(moves.c.serial))
    return ModelChannel(
        row.model_id, row.id, row.number, row.serial, tuple(Move(each.number, each.time_us) for each in history)
    )
