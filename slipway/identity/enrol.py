"""Enrolling and renewing: a key is made here, a request for a certificate goes out, a folder comes of it."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import grpc

from slipway.errors import Reason, Refused
from slipway.identity.chain import trusted_ca
from slipway.identity.folder import CERTIFICATE, Identity, Named, credentials, due_s, load, note, save, write
from slipway.identity.request import Owner, belong_together, names_of, new_key, read_owner, request_for
from slipway.transport import ask, open_channel
from slipway.v1 import identities_pb2 as pb
from slipway.v1.identities_pb2_grpc import IdentitiesStub

TOKEN = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9a-f]{64})")
ANSWER_LIMIT_BYTES = 64 << 10
ROOT_LIMIT_BYTES = 512_000
utc_now = partial(datetime.now, UTC)


def enrol(address: str, token: str, folder: Path, names: Sequence[str] = ()) -> Owner:
    """Trade a token for an identity in ``folder``.

    The token is sent only when the server has shown the CA that the token names.

    Args:
        address: the server's enrolment address, "host:port".
        token: as an operator got it, "<secret>.<SHA-256 of the CA>".
        names: host names and addresses by which a gateway's devices reach it.

    Raises:
        Refused: FIELD_INVALID, IDENTITY_EXISTS, IDENTITY_UNUSABLE or SERVER_NOT_TRUSTED.
        ServerRefused: the server did not take the token.
        ServerUnreachable: no answer.
    """
    match = TOKEN.fullmatch(token.strip())
    if match is None:
        problem, remedy = "it is not the whole token", "Paste all of what `slipway identity token` printed."
        raise Refused(Reason.FIELD_INVALID, field="token", problem=problem, found="something else", remedy=remedy)
    if (folder / CERTIFICATE).exists():
        owner = read_owner(load(folder).certificate)
        raise Refused(Reason.IDENTITY_EXISTS, field="folder", name=owner.id, found=f"{owner.end:%Y-%m-%d}")
    secret, ca_sha256 = match.groups()
    ca = trusted_ca(address, ca_sha256)
    key = new_key()
    channel = open_channel(address, grpc.ssl_channel_credentials(ca))
    try:
        answer = ask(
            IdentitiesStub(channel).Enrol, pb.EnrolRequest(token=secret, csr_pem=request_for(key, names)), address
        )
    finally:
        channel.close()
    owner = _checked(answer, key)
    save(folder, Identity(key, answer.certificate_pem, ca), _named(owner), answer.update_root)
    return owner


def renew(address: str, folder: Path) -> Owner:
    """Replace the certificate in ``folder`` by the next one, for the same key.

    Raises:
        Refused: IDENTITY_UNUSABLE.
        ServerRefused: the server did not accept the old one.
        ServerUnreachable: no answer.
    """
    held = load(folder)
    channel = open_channel(address, credentials(address, str(folder)))
    try:
        request = pb.RenewCertificateRequest(csr_pem=request_for(held.key, names_of(held.certificate)))
        answer = ask(IdentitiesStub(channel).RenewCertificate, request, address)
    finally:
        channel.close()
    owner = _checked(answer, held.key)
    write(folder / CERTIFICATE, answer.certificate_pem)
    note(folder, _named(owner))
    return owner


def renew_if_due(address: str, folder: Path, now: Callable[[], datetime] = utc_now) -> Owner | None:
    """As ``renew``, once two thirds of the certificate's time have passed; ``None`` before."""
    owner = read_owner(load(folder).certificate)
    if owner.due <= now():
        return renew(address, folder)
    if due_s(folder) != owner.due.timestamp():  # somebody else has put it there
        note(folder, _named(owner))
    return None


def _named(owner: Owner) -> Named:
    return Named(owner.id, owner.role, owner.due.timestamp())


def _checked(answer: pb.Enrolment, key: bytes) -> Owner:
    """The owner in an answer that makes sense."""
    good = max(len(answer.certificate_pem), len(answer.ca_pem)) <= ANSWER_LIMIT_BYTES
    good = good and len(answer.update_root) <= ROOT_LIMIT_BYTES
    if not good or not belong_together(key, answer.certificate_pem):
        problem = "the server sent a certificate for another key"
        words = {"problem": problem, "found": "the answer", "remedy": "Check which server this address belongs to."}
        raise Refused(Reason.IDENTITY_UNUSABLE, field="certificate", **words)
    return read_owner(answer.certificate_pem)
