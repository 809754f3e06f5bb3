"""Signed reports on their way: taken once, never looked into for truth, and kept until the server has them or will not.

None is dropped for its age: a gateway's clock may be wrong, and the server sees which ones are too old.
"""

import hashlib
import sqlite3
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from slipway.errors import Reason, Refused
from slipway.gateway.policy import Limits, full
from slipway.spec import check_name
from slipway.v1 import updates_pb2 as pb

REPORT_LIMIT_BYTES = 16 << 10
SIGNATURE_LIMIT_BYTES = 256  # ECDSA over P-256 needs 72


@dataclass(frozen=True)
class Letter:
    """A signed report that waits."""

    id: int
    report: bytes
    signature: bytes


def owner(request: pb.RelayReportRequest) -> str:
    """Whose report it says it is; whether that is true only the server can tell.

    Raises:
        Refused: it is none, or too long.
    """
    sizes = (("report", request.report, REPORT_LIMIT_BYTES), ("signature", request.signature, SIGNATURE_LIMIT_BYTES))
    for field, data, limit in sizes:
        if not data:
            raise Refused(Reason.FIELD_REQUIRED, field=field)
        if len(data) > limit:
            raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=f"{len(data)} bytes", limit=limit)
    try:
        report = pb.Report.FromString(request.report)
    except DecodeError as error:
        raise _no_report("bytes that are none") from error
    if report.WhichOneof("content") is None:
        raise _no_report("a report without content")
    return check_name(report.device_id, "report.device_id")


def keep(
    connection: sqlite3.Connection, device_id: str, request: pb.RelayReportRequest, limits: Limits, now_us: int
) -> None:
    """Keep a report, once however often it comes.

    Raises:
        Refused: GATEWAY_FULL.
    """
    sha256 = hashlib.sha256(request.report + b"\0" + request.signature).hexdigest()
    if connection.execute("SELECT 1 FROM reports WHERE sha256 = ?", (sha256,)).fetchone():
        return
    for limit, where, given in (
        (limits.device_report_count, "WHERE device_id = ?", (device_id,)),
        (limits.report_count, "", ()),
    ):
        if connection.execute(f"SELECT count(*) FROM reports {where}", given).fetchone()[0] >= limit:
            raise full("report", "reports", limit)
    row = (sha256, device_id, request.report, request.signature, now_us)
    connection.execute("INSERT INTO reports (sha256, device_id, report, signature, taken_us) VALUES (?,?,?,?,?)", row)


def in_turn(connection: sqlite3.Connection, count: int) -> list[Letter]:
    """The next ``count`` to send: the oldest, those that failed before after the others."""
    query = "SELECT id, report, signature FROM reports ORDER BY attempts, id LIMIT ?"
    return [Letter(*row) for row in connection.execute(query, (count,))]


def done(connection: sqlite3.Connection, letter: Letter) -> None:
    """The server has it, or will never take it."""
    connection.execute("DELETE FROM reports WHERE id = ?", (letter.id,))


def postpone(connection: sqlite3.Connection, letter: Letter) -> None:
    """The server did not take it for a reason that may pass."""
    connection.execute("UPDATE reports SET attempts = attempts + 1 WHERE id = ?", (letter.id,))


def waiting(connection: sqlite3.Connection) -> int:
    """How many wait."""
    return int(connection.execute("SELECT count(*) FROM reports").fetchone()[0])


def _no_report(found: str) -> Refused:
    remedy = "Send a serialized slipway.v1.Report."
    return Refused(Reason.FIELD_INVALID, field="report", problem="needs a report", found=found, remedy=remedy)
