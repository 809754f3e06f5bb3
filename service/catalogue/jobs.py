"""Queries on jobs as their owners see them. How workers take and end them is in ``leases``."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, insert, select, update

from service.catalogue.records import Failure, Job, kind_of, result_from, spec_from
from service.catalogue.references import check_references
from service.catalogue.requests import RequestKey, answer_of, remember
from service.catalogue.tables import jobs
from service.domain import ENDED, JobSpec, JobState, Progress
from slipway.errors import Reason, Refused


def create(connection: Connection, job_id: str, spec: JobSpec, request: RequestKey, now_us: int) -> Job:
    """Enter a job, or return the one that the same request made before.

    Raises:
        Refused: REQUEST_ID_REUSED, or a dataset or version that the spec names is not there or not fit.
    """
    before = answer_of(connection, request)
    if before is not None:
        return get(connection, before)
    check_references(connection, spec)
    counts = {"attempt_count": 0, "lost_count": 0, "cancel_requested": False, "revision": 1}
    row = {"id": job_id, "kind": kind_of(spec), "spec": asdict(spec), "state": JobState.PENDING, "create_us": now_us}
    connection.execute(insert(jobs).values(**row, **counts))
    remember(connection, request, job_id, now_us)
    return get(connection, job_id)


def get(connection: Connection, job_id: str) -> Job:
    """One job.

    Raises:
        Refused: JOB_NOT_FOUND.
    """
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise Refused(Reason.JOB_NOT_FOUND, field="name", name=f"jobs/{job_id}")
    return record(row)


def page(connection: Connection, after: int | None, limit: int) -> list[Job]:
    """At most ``limit`` jobs, newest first, beginning after the job number ``after``."""
    query = select(jobs).order_by(jobs.c.number.desc()).limit(limit)
    if after is not None:
        query = query.where(jobs.c.number < after)
    return [record(row) for row in connection.execute(query)]


def cancel(connection: Connection, job_id: str, now_us: int) -> Job:
    """Ask a job to stop: at once if no worker has it, else at its next step.

    Raises:
        Refused: JOB_NOT_FOUND.
    """
    here = jobs.c.id == job_id
    ended = {"state": JobState.CANCELLED, "end_us": now_us, "revision": jobs.c.revision + 1}
    connection.execute(update(jobs).where(here, jobs.c.state == JobState.PENDING).values(**ended))
    connection.execute(update(jobs).where(here, jobs.c.state == JobState.RUNNING).values(cancel_requested=True))
    return get(connection, job_id)


def revisions(connection: Connection, ids: Collection[str]) -> dict[str, int]:
    """How often each of ``ids`` has changed."""
    return {
        row.id: row.revision for row in connection.execute(select(jobs.c.id, jobs.c.revision).where(jobs.c.id.in_(ids)))
    }


def under_way(connection: Connection) -> set[str]:
    """Ids of jobs that have not ended."""
    return set(connection.scalars(select(jobs.c.id).where(jobs.c.state.not_in(ENDED))))


def record(row: Any) -> Job:
    """A row as a value."""
    return Job(
        number=row.number,
        id=row.id,
        spec=spec_from(row.kind, row.spec),
        state=JobState(row.state),
        progress=None if row.progress is None else Progress(**row.progress),
        attempt_count=row.attempt_count,
        failure=None if row.failure is None else Failure(**row.failure),
        result=result_from(row.result),
        create_us=row.create_us,
        start_us=row.start_us,
        end_us=row.end_us,
    )
