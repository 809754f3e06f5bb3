"""Rows of the catalogue as plain values, and the JSON documents in them read back."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from service.domain import (
    JOB_KINDS,
    AdaptPlan,
    AdaptSpec,
    DataReference,
    Decision,
    Evaluation,
    Evidence,
    Failure,
    FitCandidate,
    Fitting,
    Identification,
    JobSpec,
    JobState,
    Lineage,
    OutputEvaluation,
    Progress,
)
from slipway.spec import Channel, SensorSpec, TaskSpec
from slipway.statistics import ChannelStatistics


@dataclass(frozen=True)
class NewDataset:
    """A dataset to be created."""

    id: str
    display_name: str
    sensor: SensorSpec
    classes: tuple[str, ...] = ()
    outputs: tuple[Channel, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """A row of ``datasets``."""

    id: str
    display_name: str
    sensor: SensorSpec
    classes: tuple[str, ...]
    outputs: tuple[Channel, ...]
    window_count: int
    label_counts: tuple[int, ...]  # by class; or of the windows that carry targets, alone
    statistics: ChannelStatistics | None
    create_us: int


@dataclass(frozen=True)
class Upload:
    """A row of ``uploads``. It is complete when it has a ``sha256``."""

    id: str
    dataset_id: str
    window_count: int
    committed_count: int
    sha256: str = ""


@dataclass(frozen=True)
class JobArtifact:
    """A row of ``job_artifacts``."""

    job_id: str
    id: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Device:
    """What came of one device of a fleet."""

    target: str
    version: str = ""
    decision: Decision | None = None
    failure: Failure | None = None
    adapter_size_bytes: int = 0


@dataclass(frozen=True)
class JobResult:
    """What came of a job."""

    version: str = ""
    decision: Decision | None = None
    evaluation: Evaluation | None = None
    identification: Identification | None = None
    stage_seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    peak_memory_bytes: int = 0
    adapter_size_bytes: int = 0
    explanation: str = ""
    devices: tuple[Device, ...] = ()
    fitting: Fitting | None = None


@dataclass(frozen=True)
class Job:
    """A row of ``jobs``, as far as it is for others to see."""

    number: int
    id: str
    spec: JobSpec
    state: JobState
    progress: Progress | None
    attempt_count: int
    failure: Failure | None
    result: JobResult | None
    create_us: int
    start_us: int | None
    end_us: int | None
    artifacts: tuple[JobArtifact, ...] = ()


@dataclass(frozen=True)
class Model:
    """A row of ``models``."""

    id: str
    task: TaskSpec
    latest: int
    create_us: int


@dataclass(frozen=True)
class Artifact:
    """A row of ``artifacts``."""

    model_id: str
    number: int
    id: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Version:
    """A row of ``versions`` with its artifacts."""

    model_id: str
    number: int
    job_id: str
    lineage: Lineage
    parameter_count: int
    history: tuple[Progress, ...]
    artifacts: tuple[Artifact, ...]
    create_us: int


@dataclass(frozen=True)
class Move:
    """A row of ``moves``."""

    number: int
    time_us: int


@dataclass(frozen=True)
class ModelChannel:
    """A row of ``channels`` with every move."""

    model_id: str
    id: str
    number: int
    serial: int
    moves: tuple[Move, ...]


def spec_from(kind: str, document: dict[str, Any]) -> JobSpec:
    """Read a job's spec."""
    lists = {key: tuple(value) for key, value in document.items() if isinstance(value, list)}
    if JOB_KINDS[kind] is AdaptSpec and "candidates" in lists:
        lists["candidates"] = tuple(AdaptPlan(**plan) for plan in lists["candidates"])
    return JOB_KINDS[kind](**{**document, **lists})


def kind_of(spec: JobSpec) -> str:
    """The key of ``JOB_KINDS`` that ``spec`` belongs to."""
    return next(kind for kind, each in JOB_KINDS.items() if isinstance(spec, each))


def decision_from(document: dict[str, Any] | None) -> Decision | None:
    """Read a gate's decision."""
    if document is None:
        return None
    return Decision(**{**document, "evidence": tuple(Evidence(**each) for each in document["evidence"])})


def lineage_from(document: dict[str, Any]) -> Lineage:
    """Read a version's lineage."""
    data = tuple(DataReference(**each) for each in document["data"])
    return Lineage(**{**document, "data": data, "decision": decision_from(document["decision"])})


def evaluation_from(document: dict[str, Any] | None) -> Evaluation | None:
    """Read an evaluation."""
    if document is None:
        return None
    confusion = tuple(tuple(row) for row in document["confusion"])
    outputs = tuple(OutputEvaluation(**row) for row in document.get("outputs", ()))
    classes = tuple(document["classes"])
    return Evaluation(**{**document, "confusion": confusion, "classes": classes, "outputs": outputs})


def identification_from(document: dict[str, Any] | None) -> Identification | None:
    """Read an identification."""
    return None if document is None else Identification(**{**document, "marginals": tuple(document["marginals"])})


def result_from(document: dict[str, Any] | None) -> JobResult | None:
    """Read a job's result."""
    if document is None:
        return None
    parts = {
        "decision": decision_from(document["decision"]),
        "evaluation": evaluation_from(document["evaluation"]),
        "identification": identification_from(document.get("identification")),
        "devices": tuple(map(_device_from, document.get("devices", ()))),
        "fitting": _fitting_from(document.get("fitting")),
    }
    return JobResult(**{**document, **parts})


def _fitting_from(document: dict[str, Any] | None) -> Fitting | None:
    if document is None:
        return None
    return Fitting(**{**document, "candidates": tuple(FitCandidate(**row) for row in document["candidates"])})


def _device_from(document: dict[str, Any]) -> Device:
    failure = None if document["failure"] is None else Failure(**document["failure"])
    return Device(**{**document, "decision": decision_from(document["decision"]), "failure": failure})
