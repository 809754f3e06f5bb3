"""The life of a worker: take a job, run its pipeline, enter all of what came of it or nothing, take the next."""

import logging
import resource
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection

from nets.compilation import release_when_crowded
from service.blobs import Blobs
from service.catalogue import jobs, leases, models
from service.catalogue.engine import Catalogue
from service.catalogue.leases import Lease, LeaseLost
from service.catalogue.models import Stored
from service.catalogue.records import Device, JobResult, kind_of
from service.clock import now_us
from service.config import Config
from service.domain import Failure, JobSpec, NewVersion, Outcome, Progress
from service.errors import internal
from service.names import version_key
from service.worker.context import (
    Cancelled,
    Context,
    load_artifact,
    load_parent,
    load_prior,
    load_task,
    load_uploaded,
    load_windows,
)
from service.worker.keeper import Keeper
from slipway.errors import Refused

log = logging.getLogger(__name__)

Pipelines = Mapping[str, Callable[[JobSpec, Context], Outcome]]


@dataclass(frozen=True)
class Workplace:
    """What a worker stands on."""

    catalogue: Catalogue
    blobs: Blobs
    config: Config
    pipelines: Pipelines  # by the keys of service.domain.JOB_KINDS
    worker: str  # its name, unique
    worlds: Mapping[str, Any] = field(default_factory=dict)  # the operator's own


def work(place: Workplace, stop: Callable[[], bool] = lambda: False) -> None:
    """Run one job after the other until ``stop`` says so."""
    log.info("%s takes jobs", place.worker)
    while not stop():
        if not run_next(place):
            time.sleep(place.config.poll_seconds)


def run_next(place: Workplace) -> bool:
    """Run the oldest waiting job to its end, if there is one; return whether there was."""
    config, token = place.config, uuid.uuid4().hex
    if not place.catalogue.read(leases.work_waits, now_us()):
        return False
    term = (int(config.lease_seconds * 1e6), config.attempt_limit)
    lease = place.catalogue.write(leases.claim, place.worker, token, now_us(), *term)
    if lease is None:
        return False
    log.info("%s: attempt %d", lease.job.id, lease.job.attempt_count)
    try:
        _run(place, lease)
    except LeaseLost:
        log.warning("%s: lost to another worker", lease.job.id)
    if release_when_crowded():
        log.info("forgot compiled programs: they had filled half of the process's memory mappings")
    return True


def _run(place: Workplace, lease: Lease) -> None:
    folder = place.config.data_folder.absolute() / "jobs" / lease.job.id
    folder.mkdir(parents=True, exist_ok=True)
    with Keeper(place.catalogue, lease, place.config) as keeper:
        context = Context(
            folder=folder,
            report=keeper.report,
            should_stop=keeper.should_stop,
            dataset=partial(load_windows, place.catalogue, place.blobs),
            artifact=partial(load_artifact, place.catalogue, place.blobs),
            worlds=place.worlds,
            prior=partial(load_prior, place.catalogue),
            parent=partial(load_parent, place.catalogue),
            task=partial(load_task, place.catalogue),
            uploaded=partial(load_uploaded, place.catalogue, place.blobs, lease.job.id),
        )
        try:
            outcome = place.pipelines[kind_of(lease.job.spec)](lease.job.spec, context)
            _commit(place, lease, outcome, keeper.progress)
        except Cancelled:
            place.catalogue.write(leases.stop, lease, now_us())
        except LeaseLost:
            raise
        except Exception as error:
            refused = error if isinstance(error, Refused) else internal(error, f"jobs/{lease.job.id}")
            failure = Failure(refused.reason, refused.field, refused.details)
            place.catalogue.write(leases.fail, lease, failure, now_us())
    shutil.rmtree(folder, ignore_errors=True)


def _commit(place: Workplace, lease: Lease, outcome: Outcome, progress: Progress | None) -> None:
    """Put the files first, where nobody sees them, then enter everything in one transaction."""
    versions = [outcome.version, *(device.version for device in outcome.devices)]
    files = [_put(place.blobs, version.files if version else {}) for version in versions]
    artifacts = _put(place.blobs, outcome.artifacts)
    result = JobResult(
        decision=outcome.decision,
        evaluation=outcome.evaluation,
        identification=outcome.identification,
        stage_seconds=outcome.stage_seconds,
        peak_memory_bytes=_peak_memory_bytes(),
        adapter_size_bytes=outcome.adapter_size_bytes,
        explanation=outcome.explanation,
        fitting=outcome.fitting,
    )
    place.catalogue.write(_enter, lease, outcome, files, artifacts, result, progress, place.blobs)


def _enter(
    connection: Connection,
    lease: Lease,
    outcome: Outcome,
    files: Sequence[Stored],
    artifacts: Stored,
    result: JobResult,
    progress: Progress | None,
    blobs: Blobs,
) -> None:
    time_us = now_us()

    def enter(version: NewVersion | None, stored: Stored) -> str:
        if version is None:
            return ""
        name = models.add_version(connection, version, stored, lease.job.id, time_us)
        if version.numbered is not None:
            model_id, number = version_key(name, "version")
            models.add_artifacts(connection, model_id, number, _put(blobs, version.numbered(number)))
        return name

    devices = [
        Device(each.target, enter(each.version, stored), each.decision, each.failure, each.adapter_size_bytes)
        for each, stored in zip(outcome.devices, files[1:], strict=True)
    ]
    result = replace(result, version=enter(outcome.version, files[0]), devices=tuple(devices))
    if artifacts and not outcome.artifacts_of:
        jobs.add_artifacts(connection, lease.job.id, artifacts)
    elif artifacts:
        models.add_artifacts(connection, *version_key(outcome.artifacts_of, "artifacts_of"), artifacts)
    leases.succeed(connection, lease, result, progress, time_us)


def _put(blobs: Blobs, files: Mapping[str, bytes]) -> Stored:
    return {artifact_id: (blobs.put(content), len(content)) for artifact_id, content in files.items()}


def _peak_memory_bytes() -> int:
    """The most this process ever held in memory (the system counts bytes on macOS, KiB elsewhere)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
