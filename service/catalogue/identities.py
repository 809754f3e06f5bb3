"""Queries on identities, their certificates, and the tokens that begin them."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from service.catalogue.tables import certificates, enrolment_tokens, identities
from service.clock import now_us
from service.identity.values import Certificate, Identity, Role
from slipway.errors import Reason, Refused


def find(connection: Connection, identity_id: str) -> Identity | None:
    """One identity, if it is there."""
    row = connection.execute(select(identities).where(identities.c.id == identity_id)).one_or_none()
    return None if row is None else _record(connection, row)


def get(connection: Connection, identity_id: str, field: str = "name") -> Identity:
    """One identity.

    Raises:
        Refused: IDENTITY_NOT_FOUND.
    """
    found = find(connection, identity_id)
    if found is None:
        raise Refused(Reason.IDENTITY_NOT_FOUND, field=field, name=f"identities/{identity_id}")
    return found


def page(connection: Connection, after: str | None, limit: int) -> list[Identity]:
    """At most ``limit`` identities by id, beginning after ``after``."""
    rows = select(identities).where(identities.c.id > (after or "")).order_by(identities.c.id).limit(limit)
    return [_record(connection, row) for row in connection.execute(rows).all()]


def add_token(connection: Connection, sha256: str, identity_id: str, role: Role, ttl_us: int, at_us: int) -> None:
    """Keep the hash of a new token."""
    row = {"sha256": sha256, "identity_id": identity_id, "role": role.value}
    connection.execute(insert(enrolment_tokens).values(**row, create_us=at_us, expire_us=at_us + ttl_us))


def spend_token(connection: Connection, sha256: str, at_us: int) -> tuple[str, Role]:
    """Use a token up, once whoever else tries at the same time; return the id and the role that it is for.

    Raises:
        Refused: ENROLMENT_REFUSED, in the same words whether it is unknown, used or too old.
    """
    this = enrolment_tokens.c.sha256 == sha256
    good = this & enrolment_tokens.c.use_us.is_(None) & (enrolment_tokens.c.expire_us > at_us)
    if connection.execute(update(enrolment_tokens).where(good).values(use_us=at_us)).rowcount != 1:
        raise Refused(Reason.ENROLMENT_REFUSED, field="token")
    row = connection.execute(select(enrolment_tokens).where(this)).one()
    return str(row.identity_id), Role(row.role)


def drop_tokens(connection: Connection, identity_id: str, at_us: int) -> None:
    """Use up all tokens of an id: what was made for it before says nothing any more."""
    unused = (enrolment_tokens.c.identity_id == identity_id) & enrolment_tokens.c.use_us.is_(None)
    connection.execute(update(enrolment_tokens).where(unused).values(use_us=at_us))


def forget_tokens(connection: Connection, before_us: int) -> None:
    """Drop tokens that expired before ``before_us``."""
    connection.execute(enrolment_tokens.delete().where(enrolment_tokens.c.expire_us < before_us))


def add_certificate(connection: Connection, certificate: Certificate, role: Role, at_us: int) -> None:
    """Keep a certificate, and its owner where that one is new."""
    if find(connection, certificate.identity_id) is None:
        row = {"id": certificate.identity_id, "role": role.value, "create_us": at_us}
        connection.execute(insert(identities).values(**row))
    else:
        here = identities.c.id == certificate.identity_id
        connection.execute(update(identities).where(here).values(role=role.value))
    connection.execute(insert(certificates).values(**vars(certificate), create_us=at_us))


def enter(connection: Connection, certificate: Certificate, role: Role, at_us: int) -> None:
    """Keep a certificate that somebody else made, unless it is known."""
    if not has_certificate(connection, certificate.sha256):
        add_certificate(connection, certificate, role, at_us)


def has_certificate(connection: Connection, sha256: str) -> bool:
    """Whether a certificate is known."""
    query = select(certificates.c.sha256).where(certificates.c.sha256 == sha256)
    return connection.execute(query).one_or_none() is not None


def accepted(connection: Connection, identity_id: str, at_us: int) -> list[Row[Any]]:
    """Rows of an identity's certificates that are neither revoked nor expired, the oldest first."""
    mine = certificates.c.identity_id == identity_id
    good = mine & certificates.c.revoke_us.is_(None) & (certificates.c.expire_us > at_us)
    return list(connection.execute(select(certificates).where(good).order_by(certificates.c.create_us)))


def public_keys(connection: Connection, device_id: str) -> list[bytes]:
    """Public keys (SubjectPublicKeyInfo, PEM) of certificates that are neither revoked nor expired."""
    return list(dict.fromkeys(row.public_key.encode() for row in accepted(connection, device_id, now_us())))


def has_role(connection: Connection, role: Role, at_us: int) -> bool:
    """Whether anybody has a certificate of ``role`` that is accepted."""
    owners = select(identities.c.id).where(identities.c.role == role.value)
    return any(accepted(connection, owner, at_us) for owner in connection.scalars(owners))


def revoke(connection: Connection, identity_id: str, at_us: int) -> Identity:
    """Take all certificates of an identity back, and the tokens of its id.

    Raises:
        Refused: IDENTITY_NOT_FOUND.
    """
    get(connection, identity_id)
    mine = (certificates.c.identity_id == identity_id) & certificates.c.revoke_us.is_(None)
    connection.execute(update(certificates).where(mine).values(revoke_us=at_us))
    drop_tokens(connection, identity_id, at_us)
    return get(connection, identity_id)


def revoked_since(connection: Connection, since_us: int, at_us: int) -> Collection[str]:
    """SHA-256 of certificates that were revoked at ``since_us`` or later and have not expired."""
    lately = (certificates.c.revoke_us >= since_us) & (certificates.c.expire_us > at_us)
    return list(connection.scalars(select(certificates.c.sha256).where(lately)))


def _record(connection: Connection, row: Row[Any]) -> Identity:
    mine = select(certificates).where(certificates.c.identity_id == row.id)
    newest = connection.execute(mine.order_by(certificates.c.create_us.desc()).limit(1)).one()
    current = func.count().filter(certificates.c.revoke_us.is_(None))
    unrevoked = connection.scalar(select(current).where(certificates.c.identity_id == row.id))
    serial, expire_us = newest.serial_number, newest.expire_us
    return Identity(row.id, Role(row.role), row.create_us, serial, expire_us, not unrevoked)
