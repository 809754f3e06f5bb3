"""Queries on what devices report."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from service.catalogue import models
from service.catalogue.tables import reports
from service.rollout.crashes import is_crash

KEPT_PER_DEVICE = 100


_OWN = reports.c.device_id == bindparam("device")
_NEWEST = select(reports.c.serial).where(_OWN).order_by(reports.c.serial.desc()).limit(KEPT_PER_DEVICE)
OLD = delete(reports).where(_OWN, reports.c.serial.not_in(_NEWEST))


@dataclass(frozen=True)
class Report:
    """How an update went on a device; state is "INSTALLED", "REFUSED" or "ROLLED_BACK"."""

    device_id: str
    model_id: str
    number: int
    state: str
    reason: str
    message: str
    time_us: int


def add(connection: Connection, report: Report) -> None:
    """Keep a report, and of each device the newest ``KEPT_PER_DEVICE`` only.

    Raises:
        Refused: MODEL_NOT_FOUND or VERSION_NOT_FOUND.
    """
    models.version(connection, report.model_id, report.number, "version")
    add_all(connection, [report])


def add_all(connection: Connection, told: Sequence[Report]) -> None:
    """The same for several, of versions that are there, in their order."""
    if not told:
        return
    connection.execute(insert(reports), [vars(report) for report in told])
    connection.execute(OLD, [{"device": device} for device in {report.device_id for report in told}])


def took_back(connection: Connection, device_id: str, model_id: str, number: int, since_us: int) -> bool:
    """Whether a device has said since then that it cannot live with a version."""
    here = (reports.c.device_id == device_id) & (reports.c.model_id == model_id) & (reports.c.number == number)
    rows = connection.execute(select(reports).where(here, reports.c.time_us >= since_us))
    return any(is_crash(row.state, row.reason) for row in rows)


def of_device(connection: Connection, device_id: str) -> list[Report]:
    """What a device reported, newest first."""
    query = select(reports).where(reports.c.device_id == device_id).order_by(reports.c.serial.desc())
    rows = connection.execute(query)
    return [Report(r.device_id, r.model_id, r.number, r.state, r.reason, r.message, r.time_us) for r in rows]
