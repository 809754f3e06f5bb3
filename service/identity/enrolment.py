"""A token and a certificate request in, a certificate out: in one transaction, so that a token is used once."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection

from service.catalogue import identities
from service.catalogue.engine import Catalogue
from service.clock import now_us
from service.identity import profile, tokens
from service.identity.authority import Authority, key_pem
from service.identity.rules import denied
from service.identity.values import MACHINES, Caller, Identity, Role
from slipway.errors import Reason, Refused
from slipway.spec import check_name

ADMIN = "admin"
CERTIFICATE_LIMIT = 8  # that an identity may hold at a time


@dataclass(frozen=True)
class NewToken:
    """A token that was made."""

    secret: str
    expire_us: int


@dataclass(frozen=True)
class Enrolled:
    """An identity and its new certificate (PEM)."""

    identity: Identity
    certificate: bytes


def create_token(connection: Connection, caller: Caller, identity_id: str, role: Role, ttl_seconds: float) -> NewToken:
    """Make a token.

    Raises:
        Refused: PERMISSION_DENIED, SPEC_INVALID, FIELD_INVALID or IDENTITY_EXISTS.
    """
    found = identities.find(connection, identity_id)
    need_power(caller, role, "CreateEnrolmentToken")
    need_power(caller, role if found is None else found.role, "CreateEnrolmentToken")
    if identity_id == ADMIN and role != Role.ADMIN:  # the id that the server itself falls back on
        raise denied(caller, "CreateEnrolmentToken")
    check_name(identity_id, "identity_id")
    ttl_us, at_us = round(1e6 * tokens.ttl_seconds(ttl_seconds)), now_us()
    _need_no_certificate(connection, identity_id, at_us, "identity_id")
    secret = tokens.new_secret()
    identities.add_token(connection, tokens.digest(secret), identity_id, role, ttl_us, at_us)
    return NewToken(secret, at_us + ttl_us)


def need_power(caller: Caller, role: Role, field: str) -> None:
    """Refuse an operator who would make, or unmake, somebody who is no machine.

    Raises:
        Refused: PERMISSION_DENIED.
    """
    if caller.role != Role.ADMIN and not (caller.role == Role.OPERATOR and role in MACHINES):
        raise denied(caller, field)


def enrol(connection: Connection, authority: Authority, secret: str, csr_pem: bytes) -> Enrolled:
    """Trade a token for a certificate. A request that is refused leaves the token as it was.

    Raises:
        Refused: ENROLMENT_REFUSED, IDENTITY_EXISTS, FIELD_INVALID or LIMIT_EXCEEDED.
    """
    at_us = now_us()
    identity_id, role = identities.spend_token(connection, tokens.digest(secret), at_us)
    _need_no_certificate(connection, identity_id, at_us, "token")
    identities.drop_tokens(connection, identity_id, at_us)
    return _issue(connection, authority, csr_pem, identity_id, role, at_us)


def renew(connection: Connection, authority: Authority, caller: Caller, csr_pem: bytes) -> Enrolled:
    """Trade a certificate that still holds for the next one of the same identity and role.

    Raises:
        Refused: CERTIFICATE_REFUSED, FIELD_INVALID or LIMIT_EXCEEDED.
    """
    at_us = now_us()
    held = identities.accepted(connection, caller.id, at_us)
    if caller.certificate not in {each.sha256 for each in held}:
        raise Refused(Reason.CERTIFICATE_REFUSED, field="certificate", problem="it was revoked")
    if len(held) >= CERTIFICATE_LIMIT:
        found = f"{len(held)} certificates that hold"
        raise Refused(Reason.LIMIT_EXCEEDED, field="csr_pem", found=found, limit=CERTIFICATE_LIMIT - 1)
    return _issue(connection, authority, csr_pem, caller.id, caller.role, at_us)


def first_admin(catalogue: Catalogue, authority: Authority, write: Callable[[bytes, bytes, bytes], None]) -> bool:
    """Give the first admin an identity, where nobody is one; ``write`` gets key, certificate and CA (PEM)."""

    def make(connection: Connection) -> bool:
        at_us = now_us()
        if identities.has_role(connection, Role.ADMIN, at_us):
            return False
        key = profile.new_key()
        made = authority.enrol(key.public_key(), ADMIN, Role.ADMIN)
        identities.add_certificate(connection, profile.row(made, ADMIN), Role.ADMIN, at_us)
        write(key_pem(key), made.public_bytes(Encoding.PEM), authority.pem)
        return True

    return catalogue.write(make)


def _issue(
    connection: Connection, authority: Authority, csr_pem: bytes, identity_id: str, role: Role, at_us: int
) -> Enrolled:
    key, names = profile.read_request(csr_pem)
    made = authority.enrol(key, identity_id, role, names)
    identities.add_certificate(connection, profile.row(made, identity_id), role, at_us)
    return Enrolled(identities.get(connection, identity_id), made.public_bytes(Encoding.PEM))


def _need_no_certificate(connection: Connection, identity_id: str, at_us: int, field: str) -> None:
    held = identities.accepted(connection, identity_id, at_us)
    if held:
        until = f"{profile.moment(max(each.expire_us for each in held)):%Y-%m-%d}"
        raise Refused(Reason.IDENTITY_EXISTS, field=field, name=f"identities/{identity_id}", found=until)
