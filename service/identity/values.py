"""Somebody who calls, as the handlers see it."""

from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

FOREVER_US = 1 << 62


class Role(StrEnum):
    """What somebody may do; the names are those of ``slipway.v1.Role``."""

    ADMIN = "ADMIN"
    OPERATOR = "OPERATOR"
    CLIENT = "CLIENT"
    DEVICE = "DEVICE"
    GATEWAY = "GATEWAY"


MACHINES = frozenset({Role.DEVICE, Role.GATEWAY})


@dataclass(frozen=True)
class Caller:
    """Who makes a call."""

    id: str
    role: Role
    certificate: str  # SHA-256 (hex) of the certificate (DER); empty on a line without one
    expire_us: int


@dataclass(frozen=True)
class Certificate:
    """A certificate, as the catalogue keeps it."""

    sha256: str  # of its DER form
    identity_id: str
    serial_number: str  # hexadecimal
    public_key: str  # SubjectPublicKeyInfo (PEM)
    expire_us: int


@dataclass(frozen=True)
class Identity:
    """Somebody who has had a certificate."""

    id: str
    role: Role
    create_us: int
    serial_number: str  # of the newest certificate
    expire_us: int
    revoked: bool


LOCAL = Caller("", Role.ADMIN, "", FOREVER_US)  # whoever reaches a server that speaks in the clear
CALLER: ContextVar[Caller] = ContextVar("caller", default=LOCAL)
