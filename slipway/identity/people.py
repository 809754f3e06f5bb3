"""What operators do with identities: tokens, lists, revocation."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc
from google.protobuf.duration_pb2 import Duration

from slipway.transport import ask
from slipway.v1 import identities_pb2 as pb
from slipway.v1.identities_pb2_grpc import IdentitiesStub


@dataclass(frozen=True)
class Token:
    """A token as people carry it: the secret, a dot, and the SHA-256 of the server's CA."""

    token: str
    expire_time: datetime


@dataclass(frozen=True)
class Known:
    """Somebody whom the server knows."""

    name: str
    role: str
    state: str
    serial_number: str
    expire_time: datetime
    create_time: datetime


def create_token(channel: grpc.Channel, address: str, identity_id: str, role: str, ttl_s: int) -> Token:
    """Make a one-time token.

    Args:
        role: name of a ``slipway.v1.Role``.
        ttl_s: seconds in which it may be used; 0 means an hour.
    """
    request = pb.CreateEnrolmentTokenRequest(identity_id=identity_id, role=role, ttl=Duration(seconds=ttl_s))
    made = ask(IdentitiesStub(channel).CreateEnrolmentToken, request, address)
    return Token(f"{made.token}.{made.ca_sha256}", made.expire_time.ToDatetime(UTC))


def everybody(channel: grpc.Channel, address: str) -> Iterator[Known]:
    """All identities by name, fetched page by page."""
    stub, request = IdentitiesStub(channel), pb.ListIdentitiesRequest()
    while True:
        page = ask(stub.ListIdentities, request, address)
        yield from map(_known, page.identities)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def revoke(channel: grpc.Channel, address: str, name: str) -> Known:
    """Take all certificates of an identity back."""
    full = name if name.startswith("identities/") else f"identities/{name}"
    return _known(ask(IdentitiesStub(channel).RevokeIdentity, pb.RevokeIdentityRequest(name=full), address))


def _known(message: pb.Identity) -> Known:
    return Known(
        name=message.name,
        role=pb.Role.Name(message.role),
        state=pb.Identity.State.Name(message.state),
        serial_number=message.serial_number,
        expire_time=message.expire_time.ToDatetime(UTC),
        create_time=message.create_time.ToDatetime(UTC),
    )
