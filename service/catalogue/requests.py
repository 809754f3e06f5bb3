"""Requests that were answered: the same request_id again gets the same answer (AIP-155)."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from service.catalogue.tables import requests
from slipway.errors import Reason, Refused


@dataclass(frozen=True)
class RequestKey:
    """What makes a request the same: its id (empty: it is never the same) and the SHA-256 of what it asks."""

    id: str
    digest: str


def answer_of(connection: Connection, key: RequestKey) -> str | None:
    """The id of what the same request made before, if it came before.

    Raises:
        Refused: REQUEST_ID_REUSED, if the id came with another request.
    """
    row = connection.execute(select(requests).where(requests.c.id == key.id)).one_or_none() if key.id else None
    if row is None:
        return None
    if row.digest != key.digest:
        raise Refused(Reason.REQUEST_ID_REUSED, field="request_id", found=key.id)
    return str(row.answer)


def remember(connection: Connection, key: RequestKey, answer: str, now_us: int) -> None:
    """Keep ``answer`` for the time when the request comes again."""
    if key.id:
        connection.execute(insert(requests).values(id=key.id, digest=key.digest, answer=answer, time_us=now_us))


def forget(connection: Connection, before_us: int) -> None:
    """Drop what is older than ``before_us``."""
    connection.execute(delete(requests).where(requests.c.time_us < before_us))
