"""Queries on jobs as their owners see them. How workers take and end them is in ``leases``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, insert, select, update

from service.catalogue.learned import check_learned
from service.catalogue.records import Job, JobArtifact, kind_of, result_from, spec_from
from service.catalogue.references import resolve
from service.catalogue.requests import RequestKey, answer_of, remember
from service.catalogue.tables import job_artifacts, jobs
from service.domain import ENDED, Failure, JobSpec, JobState, Progress
from slipway.errors import Reason, Refused


def create(
    connection: Connection,
    job_id: str,
    spec: JobSpec,
    request: RequestKey,
    now_us: int,
    files: Mapping[str, tuple[str, int]] | None = None,
) -> Job:
    """Enter a job, or return the one that the same request made before.

    Args:
        connection: of the transaction.
        job_id: of the new job.
        spec: what it shall do.
        request: what makes the request the same as another one.
        now_us: the time.
        files: that came with it: SHA-256 and length by artifact id.

    Raises:
        Refused: REQUEST_ID_REUSED, or something that the spec names is not there or not fit.
    """
    before = answer_of(connection, request)
    if before is not None:
        return get(connection, before)
    spec = resolve(connection, spec)
    check_learned(connection, spec)
    counts = {"attempt_count": 0, "lost_count": 0, "cancel_requested": False, "revision": 1}
    row = {"id": job_id, "kind": kind_of(spec), "spec": asdict(spec), "state": JobState.PENDING, "create_us": now_us}
    connection.execute(insert(jobs).values(**row, **counts))
    add_artifacts(connection, job_id, files or {})
    remember(connection, request, job_id, now_us)
    return get(connection, job_id)


def get(connection: Connection, job_id: str, field: str = "name") -> Job:
    """One job.

    Raises:
        Refused: JOB_NOT_FOUND.
    """
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise Refused(Reason.JOB_NOT_FOUND, field=field, name=f"jobs/{job_id}")
    return record(row, _files(connection, [job_id]).get(job_id, ()))


def page(connection: Connection, after: int | None, limit: int) -> list[Job]:
    """At most ``limit`` jobs, newest first, beginning after the job number ``after``."""
    query = select(jobs).order_by(jobs.c.number.desc()).limit(limit)
    if after is not None:
        query = query.where(jobs.c.number < after)
    rows = connection.execute(query).all()
    files = _files(connection, [row.id for row in rows])
    return [record(row, files.get(row.id, ())) for row in rows]


def artifact(connection: Connection, job_id: str, artifact_id: str, field: str = "name") -> JobArtifact:
    """One file of a job.

    Raises:
        Refused: JOB_NOT_FOUND or ARTIFACT_NOT_FOUND.
    """
    for each in get(connection, job_id, field).artifacts:
        if each.id == artifact_id:
            return each
    raise Refused(Reason.ARTIFACT_NOT_FOUND, field=field, name=f"jobs/{job_id}/artifacts/{artifact_id}")


def add_artifacts(connection: Connection, job_id: str, stored: Mapping[str, tuple[str, int]]) -> None:
    """Enter files of a job: SHA-256 and length by artifact id."""
    for artifact_id, (sha256, size_bytes) in stored.items():
        row = {"job_id": job_id, "id": artifact_id, "sha256": sha256, "size_bytes": size_bytes}
        connection.execute(insert(job_artifacts).values(**row))


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


def record(row: Any, artifacts: tuple[JobArtifact, ...] = ()) -> Job:
    """A row and its files as a value."""
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
        artifacts=artifacts,
    )


def _files(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[JobArtifact, ...]]:
    query = select(job_artifacts).where(job_artifacts.c.job_id.in_(ids)).order_by(job_artifacts.c.id)
    files: dict[str, tuple[JobArtifact, ...]] = {}
    for row in connection.execute(query):
        found = JobArtifact(row.job_id, row.id, row.sha256, row.size_bytes)
        files[row.job_id] = (*files.get(row.job_id, ()), found)
    return files
