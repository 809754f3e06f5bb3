"""The queue: how workers take jobs, keep them and end them.

The row of a job is the only truth. A worker holds a job by a lease: a random token and a time. Whoever does not hold
the token cannot write; whoever lets the time pass loses the job to the next worker, and its work with it.
"""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, or_, select, update

from service.catalogue.jobs import record
from service.catalogue.records import Job, JobResult
from service.catalogue.tables import jobs
from service.domain import Failure, JobState, Progress
from slipway.errors import Reason


class LeaseLost(Exception):
    """The job belongs to another attempt now, or to none."""


@dataclass(frozen=True)
class Lease:
    """The right to write to a job."""

    job: Job
    token: str


def work_waits(connection: Connection, now_us: int) -> bool:
    """Whether there is a job to take, or one whose worker is gone. Cheap: asked often, locks nothing."""
    return bool(connection.scalar(select(exists().where(or_(jobs.c.state == JobState.PENDING, _expired(now_us))))))


def claim(
    connection: Connection, worker: str, token: str, now_us: int, lease_us: int, attempt_limit: int
) -> Lease | None:
    """Take the oldest waiting job, after giving back those whose worker is gone."""
    for lost in connection.execute(select(jobs).where(_expired(now_us)).with_for_update(skip_locked=True)).all():
        _give_back(connection, lost, now_us, attempt_limit)
    first = select(jobs).where(jobs.c.state == JobState.PENDING).order_by(jobs.c.number).limit(1)
    row = connection.execute(first.with_for_update(skip_locked=True)).one_or_none()
    if row is None:
        return None
    values = {"state": JobState.RUNNING, "worker": worker, "lease": token, "lease_until_us": now_us + lease_us}
    begun = {"attempt_count": row.attempt_count + 1, "start_us": row.start_us or now_us, "progress": None}
    _change(connection, jobs.c.id == row.id, **values, **begun)
    return Lease(record(connection.execute(select(jobs).where(jobs.c.id == row.id)).one()), token)


def renew(connection: Connection, lease: Lease, now_us: int, lease_us: int, progress: Progress | None) -> bool:
    """Keep the job for another ``lease_us`` and note its progress; return whether it shall stop.

    Raises:
        LeaseLost: it is another worker's by now.
    """
    values: dict[str, Any] = {"lease_until_us": now_us + lease_us}
    if progress is not None:
        values |= {"progress": asdict(progress), "revision": jobs.c.revision + 1}
    if not connection.execute(update(jobs).where(_held(lease)).values(**values)).rowcount:
        raise LeaseLost(lease.job.id)
    return bool(connection.scalar(select(jobs.c.cancel_requested).where(jobs.c.id == lease.job.id)))


def succeed(connection: Connection, lease: Lease, result: JobResult, progress: Progress | None, now_us: int) -> None:
    """End the job well, in the transaction that enters what the job made: all of it or nothing.

    Raises:
        LeaseLost: it is another worker's by now.
    """
    last = {} if progress is None else {"progress": asdict(progress)}
    _end(connection, lease, JobState.SUCCEEDED, now_us, result=asdict(result), **last)


def fail(connection: Connection, lease: Lease, failure: Failure, now_us: int) -> None:
    """End the job with the reason why it failed.

    Raises:
        LeaseLost: it is another worker's by now.
    """
    _end(connection, lease, JobState.FAILED, now_us, failure=asdict(failure))


def stop(connection: Connection, lease: Lease, now_us: int) -> None:
    """End the job as cancelled.

    Raises:
        LeaseLost: it is another worker's by now.
    """
    _end(connection, lease, JobState.CANCELLED, now_us)


def release(connection: Connection, worker: str, now_us: int) -> None:
    """Give back what ``worker`` held when it was stopped in good order: this does not count as a loss."""
    held = connection.execute(select(jobs).where(jobs.c.worker == worker, jobs.c.state == JobState.RUNNING)).all()
    for row in held:
        ended = {"state": JobState.CANCELLED, "end_us": now_us} if row.cancel_requested else {"state": JobState.PENDING}
        _change(connection, jobs.c.id == row.id, **ended, **NOBODY)


def expire(connection: Connection, worker: str) -> None:
    """End the leases of ``worker``, which has died, without waiting for their time."""
    held = and_(jobs.c.worker == worker, jobs.c.state == JobState.RUNNING)
    connection.execute(update(jobs).where(held).values(lease_until_us=0))


NOBODY = {"worker": None, "lease": None, "lease_until_us": None}


def _give_back(connection: Connection, row: Row[Any], now_us: int, attempt_limit: int) -> None:
    lost = row.lost_count + 1
    values: dict[str, Any] = {"state": JobState.PENDING}
    if row.cancel_requested:
        values = {"state": JobState.CANCELLED, "end_us": now_us}
    elif lost >= attempt_limit:
        failure = Failure(Reason.WORKER_LOST, f"jobs/{row.id}", {"found": str(lost)})
        values = {"state": JobState.FAILED, "end_us": now_us, "failure": asdict(failure)}
    _change(connection, jobs.c.id == row.id, lost_count=lost, **values, **NOBODY)


def _end(connection: Connection, lease: Lease, state: JobState, now_us: int, **values: Any) -> None:
    if not _change(connection, _held(lease), state=state, end_us=now_us, **values, **NOBODY):
        raise LeaseLost(lease.job.id)


def _change(connection: Connection, where: ColumnElement[bool], **values: Any) -> int:
    changed = connection.execute(update(jobs).where(where).values(revision=jobs.c.revision + 1, **values))
    return changed.rowcount


def _held(lease: Lease) -> ColumnElement[bool]:
    return and_(jobs.c.id == lease.job.id, jobs.c.lease == lease.token, jobs.c.state == JobState.RUNNING)


def _expired(now_us: int) -> ColumnElement[bool]:
    return and_(jobs.c.state == JobState.RUNNING, jobs.c.lease_until_us < now_us)
