"""Reports that devices sign and gateways carry: who carries them can neither forge, change nor repeat one.

Replays are told as in RFC 4303, 3.4.3: of each device the newest ``WINDOW`` reports are known by their hashes, and what
is older than all of them is not taken.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf.message import DecodeError
from sqlalchemy import Connection, delete, func, insert, select

from service.catalogue import identities, intake, reports
from service.catalogue.engine import Catalogue
from service.catalogue.intake import Told
from service.catalogue.reports import Report
from service.catalogue.tables import relayed_reports as relayed
from service.convert.models import report_from
from service.convert.reports import told_from
from slipway.errors import Reason, Refused
from slipway.spec import check_name
from slipway.v1 import updates_pb2 as pb

REPORT_LIMIT_BYTES = 16 << 10
SIGNATURE_LIMIT_BYTES = 256  # ECDSA over P-256 needs 72
AGE_LIMIT_US = 30 * 86_400 * 1_000_000
AHEAD_LIMIT_US = 600 * 1_000_000
WINDOW = 256


@dataclass(frozen=True)
class Carried:
    """What a gateway brought, and when."""

    request: pb.RelayReportRequest
    time_us: int


@dataclass(frozen=True)
class Signed:
    """What was signed, before anybody has looked at the signature.

    Args:
        device_id: whose it says it is.
        sha256: of the report's bytes, hexadecimal.
        time_us: when it was signed.
        item: what it says.
    """

    device_id: str
    sha256: str
    time_us: int
    item: Report | Told


def opened(request: pb.RelayReportRequest, now_us: int) -> Signed:
    """Read a report.

    Raises:
        Refused: it is none, or too long, too old or too new, or it is one device's and speaks of another.
    """
    for field, data, limit in (
        ("report", request.report, REPORT_LIMIT_BYTES),
        ("signature", request.signature, SIGNATURE_LIMIT_BYTES),
    ):
        if not data:
            raise Refused(Reason.FIELD_REQUIRED, field=field)
        if len(data) > limit:
            raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=f"{len(data)} bytes", limit=limit)
    try:
        report = pb.Report.FromString(request.report)
    except DecodeError:
        words = {"problem": "needs a serialized Report", "found": f"{len(request.report)} bytes that are none"}
        raise Refused(Reason.FIELD_INVALID, field="report", **words, remedy="Relay what the device signed.") from None
    time_us = _time_us(report, now_us)
    item = _item(report, now_us)
    device_id = check_name(report.device_id, "report.device_id")
    if item.device_id != device_id:
        raise Refused(Reason.REPORT_NOT_SIGNED, field="report", name=item.device_id, problem=f"{device_id} signed it")
    return Signed(device_id, hashlib.sha256(request.report).hexdigest(), time_us, item)


def check_signature(request: pb.RelayReportRequest, keys: Sequence[bytes], device_id: str) -> None:
    """Refuse a report that none of ``keys`` (SubjectPublicKeyInfo, PEM) has signed.

    Raises:
        Refused: REPORT_NOT_SIGNED.
    """
    if not any(_signed_by(key, request) for key in keys):
        problem = "no key of its certificates fits" if keys else "it has no certificate"
        raise Refused(Reason.REPORT_NOT_SIGNED, field="signature", name=device_id, problem=problem)


def enter(catalogue: Catalogue, carried: Sequence[Carried]) -> list[Refused | None]:
    """Enter what gateways carry as if its devices had said it, in its order, each once however often it comes.

    Signatures are checked before the catalogue is locked: who forges many holds nobody up.

    Returns:
        For each report why it was refused: as ``opened`` and ``check_signature``; REPORT_STALE; or what the report
        itself is refused for. None where it was taken. One that is refused leaves no trace.
    """
    checked = catalogue.read(_checked, carried)
    good = [each for each in checked if isinstance(each, Signed)]
    taken = iter(catalogue.write(_take_all, good) if good else ())
    return [each if isinstance(each, Refused) else next(taken) for each in checked]


def _checked(connection: Connection, carried: Sequence[Carried]) -> list[Signed | Refused]:
    keys = cache(partial(identities.public_keys, connection))

    def check(each: Carried) -> Signed | Refused:
        try:
            signed = opened(each.request, each.time_us)
            check_signature(each.request, keys(signed.device_id), signed.device_id)
        except Refused as refused:
            return refused
        return signed

    return [check(each) for each in carried]


def _take_all(connection: Connection, carried: Sequence[Signed]) -> list[Refused | None]:
    def take(signed: Signed) -> Refused | None:
        try:
            with connection.begin_nested():
                _take(connection, signed)
        except Refused as refused:
            return refused
        return None

    return [take(signed) for signed in carried]


def _take(connection: Connection, signed: Signed) -> None:
    mine = relayed.c.device_id == signed.device_id
    if connection.execute(select(relayed).where(mine, relayed.c.sha256 == signed.sha256)).one_or_none() is not None:
        return
    _check_window(connection, signed)
    late = _is_late(connection, signed)
    row = {"device_id": signed.device_id, "sha256": signed.sha256, "time_us": signed.time_us}
    connection.execute(insert(relayed).values(**row, is_status=isinstance(signed.item, Report)))
    newest = select(relayed.c.sha256).where(mine).order_by(relayed.c.time_us.desc(), relayed.c.sha256).limit(WINDOW)
    connection.execute(delete(relayed).where(mine, relayed.c.sha256.not_in(newest)))
    if late:
        assert isinstance(signed.item, Report)
        reports.add(connection, signed.item)
        return
    for refused in intake.take(connection, [signed.item]):
        if refused is not None:
            raise refused


def _item(report: pb.Report, now_us: int) -> Report | Told:
    match report.WhichOneof("content"):
        case "status":
            return report_from(report.status, now_us)
        case "health":
            return told_from(report.health, now_us)
        case _:
            raise Refused(Reason.FIELD_REQUIRED, field="report.content")


def _time_us(report: pb.Report, now_us: int) -> int:
    if not report.HasField("time"):
        raise Refused(Reason.FIELD_REQUIRED, field="report.time")
    time_us = report.time.seconds * 1_000_000 + report.time.nanos // 1000
    if not now_us - AGE_LIMIT_US <= time_us <= now_us + AHEAD_LIMIT_US:
        problem = "more than 10 minutes ahead" if time_us > now_us else "more than 30 days ago"
        raise Refused(Reason.REPORT_STALE, field="report.time", found=f"second {time_us / 1e6:.0f}", problem=problem)
    return time_us


def _check_window(connection: Connection, signed: Signed) -> None:
    """Refuse what is older than all that is known of a device that has told much: it may have come before."""
    mine = relayed.c.device_id == signed.device_id
    count, oldest = connection.execute(select(func.count(), func.min(relayed.c.time_us)).where(mine)).one()
    if count >= WINDOW and signed.time_us <= oldest:
        problem = f"the device has signed {WINDOW} reports since then that are known"
        found = f"second {signed.time_us / 1e6:.0f}"
        raise Refused(Reason.REPORT_STALE, field="report.time", found=found, problem=problem)


def _is_late(connection: Connection, signed: Signed) -> bool:
    """Whether an installation is told of after a later one: it is kept, and does not say what runs now."""
    if not isinstance(signed.item, Report) or signed.item.state != "INSTALLED":
        return False
    mine = (relayed.c.device_id == signed.device_id) & relayed.c.is_status
    newest = connection.scalar(select(func.max(relayed.c.time_us)).where(mine))
    return newest is not None and newest > signed.time_us


def _signed_by(key_pem: bytes, request: pb.RelayReportRequest) -> bool:
    try:
        key = load_pem_public_key(key_pem)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(request.signature, request.report, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
