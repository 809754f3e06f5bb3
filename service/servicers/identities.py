"""Identities: who may talk to the server."""

from asyncio import to_thread
from pathlib import Path
from typing import Any

import grpc

from service import names, pages
from service.catalogue import identities
from service.catalogue.engine import Catalogue
from service.clock import now_us
from service.convert import identities as convert
from service.convert.common import timestamp
from service.identity import rules
from service.identity.tokens import Guesses
from service.identity.values import CALLER, MACHINES, Caller, Identity, Role
from slipway.errors import Reason, Refused
from slipway.v1 import identities_pb2 as pb
from slipway.v1.identities_pb2_grpc import IdentitiesServicer

SERVICE = "slipway.v1.Identities"


class Identities(IdentitiesServicer):
    """Enrols, renews, lists and revokes.

    Args:
        security: a ``service.identity.security.Security``, or ``None`` on a server that speaks in the clear.
        update_root: file of the first root metadata of the update repository; not there where updates are not signed.
    """

    def __init__(self, catalogue: Catalogue, security: Any, update_root: Path) -> None:
        self._catalogue = catalogue
        self._security = security
        self._update_root = update_root
        self._guesses = Guesses()

    async def CreateEnrolmentToken(self, request: pb.CreateEnrolmentTokenRequest, context: Any) -> pb.EnrolmentToken:
        """Make a one-time token."""
        authority = self._authority()
        from service.identity import enrolment

        role, ttl = convert.role_from(request.role), request.ttl.ToNanoseconds() / 1e9
        made = await to_thread(
            self._catalogue.write, enrolment.create_token, CALLER.get(), request.identity_id, role, ttl
        )
        return pb.EnrolmentToken(token=made.secret, expire_time=timestamp(made.expire_us), ca_sha256=authority.sha256)

    async def Enrol(self, request: pb.EnrolRequest, context: Any) -> pb.Enrolment:
        """Trade a token for a certificate."""
        authority = self._authority()
        from service.identity import enrolment

        address = str(context.peer()).rpartition(":")[0]
        self._guesses.check(address)
        try:
            done = await to_thread(self._catalogue.write, enrolment.enrol, authority, request.token, request.csr_pem)
        except Refused as refused:
            if refused.reason == Reason.ENROLMENT_REFUSED:
                self._guesses.wrong(address)
            raise
        return await self._enrolment(authority, done)

    async def RenewCertificate(self, request: pb.RenewCertificateRequest, context: Any) -> pb.Enrolment:
        """Trade the caller's certificate for the next one."""
        authority = self._authority()
        from service.identity import enrolment

        done = await to_thread(self._catalogue.write, enrolment.renew, authority, CALLER.get(), request.csr_pem)
        return await self._enrolment(authority, done)

    async def GetIdentity(self, request: pb.GetIdentityRequest, context: Any) -> pb.Identity:
        """Return one identity."""
        identity_id = names.identity_id(request.name, "name")
        return convert.identity_to(await to_thread(self._catalogue.read, identities.get, identity_id))

    async def ListIdentities(self, request: pb.ListIdentitiesRequest, context: Any) -> pb.ListIdentitiesResponse:
        """List identities by name."""
        limit, after = pages.size(request.page_size), pages.after(request.page_token, "identities")
        rows = await to_thread(self._catalogue.read, identities.page, after, limit + 1)
        page, token = pages.page(rows, limit, "identities", lambda row: row.id, convert.identity_to)
        return pb.ListIdentitiesResponse(identities=page, next_page_token=token)

    async def RevokeIdentity(self, request: pb.RevokeIdentityRequest, context: Any) -> pb.Identity:
        """Take an identity's certificates back."""
        caller, identity_id = CALLER.get(), names.identity_id(request.name, "name")
        return convert.identity_to(await to_thread(self._catalogue.write, _revoke, caller, identity_id))

    def _authority(self) -> Any:
        if self._security is None:
            problem = "it speaks in the clear"
            remedy = "Nobody needs a certificate here; with the setting tls=always everybody does."
            raise Refused(Reason.ENROLMENT_CLOSED, field="identity", problem=problem, remedy=remedy)
        return self._security.need_authority()

    async def _enrolment(self, authority: Any, done: Any) -> pb.Enrolment:
        return pb.Enrolment(
            identity=convert.identity_to(done.identity),
            certificate_pem=done.certificate,
            ca_pem=authority.pem,
            update_root=await to_thread(_content, self._update_root),
        )


def add_enrolment(servicer: Identities, server: grpc.aio.Server) -> None:
    """Let ``server`` enrol, and nothing else of the service."""
    handler: Any = grpc.unary_unary_rpc_method_handler(
        servicer.Enrol,
        request_deserializer=pb.EnrolRequest.FromString,
        response_serializer=pb.Enrolment.SerializeToString,
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Enrol": handler}),))


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _revoke(connection: Any, caller: Caller, identity_id: str) -> Identity:
    found = identities.find(connection, identity_id)
    if caller.role != Role.ADMIN and (found is None or found.role not in MACHINES):
        raise rules.denied(caller, "RevokeIdentity")
    return identities.revoke(connection, identity_id, now_us())
