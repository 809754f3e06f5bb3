"""Identities to and from messages."""

from service.convert.common import timestamp, unknown_number
from service.identity.values import Identity, Role
from slipway.errors import Reason, Refused
from slipway.v1 import identities_pb2 as pb


def identity_to(identity: Identity) -> pb.Identity:
    """Write one."""
    return pb.Identity(
        name=f"identities/{identity.id}",
        role=identity.role.value,
        state=pb.Identity.REVOKED if identity.revoked else pb.Identity.ACTIVE,
        serial_number=identity.serial_number,
        expire_time=timestamp(identity.expire_us),
        create_time=timestamp(identity.create_us),
    )


def role_from(number: int) -> Role:
    """Read a role.

    Raises:
        Refused: FIELD_REQUIRED or FIELD_INVALID.
    """
    if not number:
        raise Refused(Reason.FIELD_REQUIRED, field="role")
    if number not in pb.Role.values():
        raise unknown_number("role", number, list(Role))
    return Role(pb.Role.Name(number))
