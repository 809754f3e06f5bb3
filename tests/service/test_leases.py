"""The queue: one worker at a time has a job, and only while its lease lasts."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from service.catalogue import jobs, leases
from service.catalogue.engine import Catalogue
from service.catalogue.leases import Lease, LeaseLost
from service.catalogue.records import Job, JobResult
from service.catalogue.requests import RequestKey
from service.domain import Failure, JobState, PretrainSpec, Progress

LEASE_US = 1_000
LIMIT = 3


def enter(catalogue: Catalogue, job_id: str) -> Job:
    return catalogue.write(jobs.create, job_id, PretrainSpec("m", world="rover"), RequestKey("", ""), 0)


def claim(catalogue: Catalogue, token: str, now_us: int) -> Lease | None:
    return catalogue.write(leases.claim, f"worker {token}", token, now_us, LEASE_US, LIMIT)


def taken(catalogue: Catalogue, token: str, now_us: int) -> Lease:
    lease = claim(catalogue, token, now_us)
    assert lease is not None
    return lease


def state(catalogue: Catalogue, job_id: str = "a") -> JobState:
    return catalogue.read(jobs.get, job_id).state


def test_the_oldest_job_is_taken_first(catalogue: Catalogue) -> None:
    for job_id in ("b", "a", "c"):
        enter(catalogue, job_id)
    assert [taken(catalogue, token, 1).job.id for token in "xyz"] == ["b", "a", "c"]
    assert claim(catalogue, "w", 1) is None
    assert not catalogue.read(leases.work_waits, 1)


def test_of_many_workers_one_gets_the_job(catalogue: Catalogue) -> None:
    for number in range(5):
        enter(catalogue, f"j{number}")
    with ThreadPoolExecutor(10) as pool:
        got = list(pool.map(lambda token: claim(catalogue, str(token), 1), range(20)))
    assert sorted(lease.job.id for lease in got if lease) == [f"j{number}" for number in range(5)]


def test_a_lease_lasts_while_it_is_renewed(catalogue: Catalogue) -> None:
    enter(catalogue, "a")
    lease = taken(catalogue, "x", 0)
    assert not catalogue.write(leases.renew, lease, 900, LEASE_US, Progress("training", 0.5, 1))
    assert claim(catalogue, "y", 1_500) is None
    assert catalogue.read(jobs.get, "a").progress == Progress("training", 0.5, 1)


def test_a_silent_worker_loses_the_job_and_can_write_no_more(catalogue: Catalogue) -> None:
    enter(catalogue, "a")
    old = taken(catalogue, "x", 0)
    new = taken(catalogue, "y", 2_000)
    assert new.job.attempt_count == 2
    for write in (
        lambda: catalogue.write(leases.renew, old, 2_001, LEASE_US, None),
        lambda: catalogue.write(leases.succeed, old, JobResult(), None, 2_001),
        lambda: catalogue.write(leases.fail, old, Failure("INTERNAL", "x"), 2_001),
        lambda: catalogue.write(leases.stop, old, 2_001),
    ):
        with pytest.raises(LeaseLost):
            write()
    catalogue.write(leases.succeed, new, JobResult(version="models/m/versions/1"), None, 2_002)
    assert catalogue.read(jobs.get, "a").result == JobResult(version="models/m/versions/1")


def test_a_job_that_kills_its_workers_fails_at_last(catalogue: Catalogue) -> None:
    enter(catalogue, "a")
    for attempt in range(LIMIT):
        assert taken(catalogue, f"x{attempt}", attempt * 2_000).job.attempt_count == attempt + 1
    assert claim(catalogue, "y", LIMIT * 2_000) is None
    job = catalogue.read(jobs.get, "a")
    assert job.state == JobState.FAILED
    assert job.failure == Failure("WORKER_LOST", "jobs/a", {"found": "3"})


def test_a_worker_that_is_stopped_in_good_order_gives_its_job_back(catalogue: Catalogue) -> None:
    enter(catalogue, "a")
    for attempt in range(2 * LIMIT):
        assert taken(catalogue, "x", attempt).job.attempt_count == attempt + 1
        catalogue.write(leases.release, "worker x", attempt)
        assert state(catalogue) == JobState.PENDING


def test_the_lease_of_a_dead_worker_ends_at_once(catalogue: Catalogue) -> None:
    enter(catalogue, "a")
    taken(catalogue, "x", 5)
    catalogue.write(leases.expire, "worker x")
    assert taken(catalogue, "y", 6).job.attempt_count == 2


def test_cancelling(catalogue: Catalogue) -> None:
    for job_id in "abc":
        enter(catalogue, job_id)
    lease = taken(catalogue, "x", 1)
    taken(catalogue, "y", 1)
    for job_id in "abc":
        catalogue.write(jobs.cancel, job_id, 2)
    assert [state(catalogue, job_id) for job_id in "abc"] == [JobState.RUNNING, JobState.RUNNING, JobState.CANCELLED]
    assert catalogue.write(leases.renew, lease, 3, LEASE_US, None), "the worker is told to stop"
    catalogue.write(leases.stop, lease, 4)
    assert claim(catalogue, "z", 5_000) is None, "a cancelled job whose worker died is not begun again"
    assert [state(catalogue, job_id) for job_id in "abc"] == [JobState.CANCELLED] * 3
    assert catalogue.write(jobs.cancel, "a", 6_000).end_us == 4, "what has ended stays as it is"


def test_every_visible_change_moves_the_revision(catalogue: Catalogue) -> None:
    enter(catalogue, "a")
    seen = [catalogue.read(jobs.revisions, ["a", "nobody"])["a"]]

    def moved() -> bool:
        seen.append(catalogue.read(jobs.revisions, ["a"])["a"])
        return seen[-1] > seen[-2]

    lease = taken(catalogue, "x", 0)
    assert moved()
    catalogue.write(leases.renew, lease, 1, LEASE_US, Progress("training"))
    assert moved()
    catalogue.write(leases.renew, lease, 2, LEASE_US, None)
    assert not moved(), "a heartbeat alone is nothing to see"
    catalogue.write(leases.succeed, lease, JobResult(), None, 3)
    assert moved()
