"""Queries on what devices report."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from service.catalogue import models
from service.catalogue.tables import reports

KEPT_PER_DEVICE = 100


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
    connection.execute(insert(reports).values(**vars(report)))
    own = reports.c.device_id == report.device_id
    newest = select(reports.c.serial).where(own).order_by(reports.c.serial.desc()).limit(KEPT_PER_DEVICE)
    connection.execute(delete(reports).where(own, reports.c.serial.not_in(newest)))


def of_device(connection: Connection, device_id: str) -> list[Report]:
    """What a device reported, newest first."""
    query = select(reports).where(reports.c.device_id == device_id).order_by(reports.c.serial.desc())
    rows = connection.execute(query)
    return [Report(r.device_id, r.model_id, r.number, r.state, r.reason, r.message, r.time_us) for r in rows]
