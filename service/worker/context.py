"""What a pipeline may touch: its folder, the data and files it names, and the way to say how far it is."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from service import parts
from service.blobs import Blobs
from service.catalogue import datasets, jobs, models
from service.catalogue.engine import Catalogue
from service.catalogue.records import Dataset
from service.domain import Progress
from service.names import dataset_id, version_key
from slipway.errors import Reason, Refused
from slipway.spec import Channel, SensorSpec, TaskSpec
from slipway.windows import Answers, unanswered


class Cancelled(Exception):
    """Raised by a pipeline that stops because ``Context.should_stop`` said so."""


@dataclass(frozen=True)
class StoredWindows:
    """A dataset as a pipeline sees it."""

    name: str
    sensor: SensorSpec
    classes: tuple[str, ...]
    values: npt.NDArray[np.float32]  # (count, time, channels); may be mapped from a file
    labels: Answers  # (count,), -1 where nobody said; or targets (count, outputs), NaN where nobody said
    sha256: str  # over the SHA-256 (hex) of the stored files, in order
    statistics: tuple[int, npt.NDArray[np.float64], npt.NDArray[np.float64]] | None  # count, mean, squared deviations
    outputs: tuple[Channel, ...] = ()


def _no_version(version: str) -> TaskSpec:
    raise Refused(Reason.VERSION_NOT_FOUND, field="version", name=version)


@dataclass(frozen=True)
class Context:
    """Everything a pipeline may touch."""

    folder: Path  # the job's own; survives attempts
    report: Callable[[Progress], None]  # cheap: call it as often as you like
    should_stop: Callable[[], bool]  # somebody cancelled the job, or it is another worker's by now
    dataset: Callable[[str], StoredWindows]  # by resource name
    artifact: Callable[[str, str], bytes]  # by version name and artifact id
    worlds: Mapping[str, Any] = field(default_factory=dict)  # the operator's own, beside ``sim.catalog.WORLDS``
    prior: Callable[[str], str] = lambda version: ""  # JSON of the prior behind a version; empty: nothing was simulated
    parent: Callable[[str], str] = lambda version: ""  # the version that one was adapted from; empty for a base
    uploaded: Callable[[str], bytes] = lambda artifact_id: b""  # a file that came with the job
    task: Callable[[str], TaskSpec] = _no_version  # what a version answers, also one that only runs


def load_windows(catalogue: Catalogue, blobs: Blobs, name: str) -> StoredWindows:
    """The windows of the dataset ``name``, checked against their hashes.

    Raises:
        Refused: DATASET_NOT_FOUND or STORED_FILE_DAMAGED.
    """
    dataset, files = catalogue.read(_with_files, dataset_id(name, "dataset"))
    records = [parts.read(blobs.path(sha256)) for sha256 in files]
    return StoredWindows(
        name=name,
        sensor=dataset.sensor,
        classes=dataset.classes,
        values=_joined(records, "values", np.zeros((0, *dataset.sensor.window_shape), np.float32)),
        labels=np.ascontiguousarray(_joined(records, "label", unanswered(0, len(dataset.outputs)))),
        sha256=hashlib.sha256("".join(files).encode()).hexdigest(),
        statistics=_statistics(dataset),
        outputs=dataset.outputs,
    )


def load_artifact(catalogue: Catalogue, blobs: Blobs, version: str, artifact_id: str) -> bytes:
    """A file of a version, checked against its hash.

    Raises:
        Refused: MODEL_NOT_FOUND, VERSION_NOT_FOUND, ARTIFACT_NOT_FOUND or STORED_FILE_DAMAGED.
    """
    key = version_key(version, "version")
    return blobs.get(catalogue.read(models.artifact, *key, artifact_id, "artifact").sha256)


def load_uploaded(catalogue: Catalogue, blobs: Blobs, job_id: str, artifact_id: str) -> bytes:
    """A file of a job, checked against its hash.

    Raises:
        Refused: JOB_NOT_FOUND, ARTIFACT_NOT_FOUND or STORED_FILE_DAMAGED.
    """
    return blobs.get(catalogue.read(jobs.artifact, job_id, artifact_id, "job").sha256)


def load_task(catalogue: Catalogue, version: str) -> TaskSpec:
    """What a version answers.

    Raises:
        Refused: MODEL_NOT_FOUND.
    """
    return catalogue.read(models.model, version_key(version, "version")[0], "version").task


def load_parent(catalogue: Catalogue, version: str) -> str:
    """The version that one was adapted from; empty for a base.

    Raises:
        Refused: MODEL_NOT_FOUND or VERSION_NOT_FOUND.
    """
    return catalogue.read(models.version, *version_key(version, "version")).lineage.parent


def load_prior(catalogue: Catalogue, version: str) -> str:
    """The prior that a version, or the base it was adapted from, was simulated from, as JSON; empty if none was.

    Raises:
        Refused: MODEL_NOT_FOUND or VERSION_NOT_FOUND.
    """
    while version:
        lineage = catalogue.read(models.version, *version_key(version, "version")).lineage
        if lineage.prior_json:
            return lineage.prior_json
        version = lineage.parent
    return ""


def _with_files(connection: Connection, name: str) -> tuple[Dataset, list[str]]:
    return datasets.get(connection, name, "dataset"), datasets.stored_files(connection, name)


def _joined(records: list[npt.NDArray[np.void]], field: str, empty: npt.NDArray[Any]) -> npt.NDArray[Any]:
    columns = [each[field] for each in records]
    return columns[0] if len(columns) == 1 else np.concatenate([empty, *columns])


def _statistics(dataset: Dataset) -> tuple[int, npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    found = dataset.statistics
    return None if found is None else (found.count, np.array(found.mean), np.array(found.sum_squared_deviation))
