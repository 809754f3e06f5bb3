"""What a server answers, as plain immutable values. Field names are those of the API (a test compares them)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.spec import Channel, SensorSpec, TaskSpec
from slipway.statistics import ChannelStatistics

ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


@dataclass(frozen=True)
class Dataset:
    """A collection of windows from one kind of sensor."""

    name: str
    display_name: str
    sensor: SensorSpec
    classes: tuple[str, ...]
    window_count: int
    label_counts: tuple[int, ...]
    statistics: ChannelStatistics | None
    create_time: datetime | None
    outputs: tuple[Channel, ...] = ()


@dataclass(frozen=True)
class Upload:
    """How far an upload has come; ``state`` is "RECEIVING" or "COMPLETE"."""

    name: str
    state: str
    committed_count: int
    window_count: int
    sha256: str


@dataclass(frozen=True)
class Progress:
    """How far an attempt of a job has come, or one point of a learning curve."""

    stage: str
    fraction: float
    epoch: int
    loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class Evidence:
    """What spoke for and against a candidate of the gate."""

    candidate: str
    scores: dict[str, float]
    mean_rank: float
    veto: str


@dataclass(frozen=True)
class Decision:
    """The gate's answer."""

    chosen: str
    promoted: bool
    reason: str
    evidence: tuple[Evidence, ...]
    confidence: float = 0.0


@dataclass(frozen=True)
class OutputEvaluation:
    """How well one output of a regression was estimated: R², and the error in the output's unit."""

    name: str
    unit: str
    determination: float
    root_mean_square_error: float


@dataclass(frozen=True)
class Evaluation:
    """How well a version did. ``confusion[true][answered]`` counts windows; a regression has ``outputs`` instead."""

    accuracy: float
    macro_f1: float
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[str, ...]
    window_count: int
    outputs: tuple[OutputEvaluation, ...] = ()


@dataclass(frozen=True)
class Marginal:
    """One parameter before and after an identification: medians and central 90 % intervals, in its unit."""

    name: str
    unit: str
    prior_low: float
    prior_median: float
    prior_high: float
    low: float
    median: float
    high: float
    shrinkage: float
    determined: bool


@dataclass(frozen=True)
class Reach:
    """Whether a recording lies inside what a simulator can produce; ``channels`` holds p-values, ``words`` reasons."""

    p_value: float
    channels: dict[str, float]
    threshold: float
    inside: bool
    broken: tuple[str, ...]
    words: dict[str, str]


@dataclass(frozen=True)
class Identification:
    """What a recording said about a simulator. ``prior`` is the next one's JSON; ``determination`` is R² by output."""

    method: str
    prior: dict[str, Any]
    marginals: tuple[Marginal, ...]
    reach: Reach | None
    determination: dict[str, float]
    simulation_count: int
    seconds: float


@dataclass(frozen=True)
class FitCandidate:
    """One net that was tried for a device, or was too large to be tried; None where it was not measured."""

    name: str
    flash_bytes: int
    ram_bytes: int
    instruction_count: int
    step_count: int
    accuracy: float | None
    int8_accuracy: float | None
    fits: bool
    fate: str


@dataclass(frozen=True)
class Fitting:
    """The best net for a device: of its int8 graph, and the base in float, on the windows held out."""

    candidate: str
    accuracy: float
    base_accuracy: float
    candidates: tuple[FitCandidate, ...]


@dataclass(frozen=True)
class Artifact:
    """A file of a version or of a job, named by its content."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Failure:
    """Why a job failed, or a device of a fleet was refused."""

    code: str
    reason: str
    message: str
    remedy: str


@dataclass(frozen=True)
class DeviceResult:
    """What came of one device of a fleet; ``version`` is empty where the base is kept."""

    target: str
    version: str
    decision: Decision | None
    error: Failure | None
    adapter_size_bytes: int


@dataclass(frozen=True)
class JobResult:
    """What came of a job; ``version`` is empty where none was made."""

    version: str
    decision: Decision | None
    evaluation: Evaluation | None
    stage_seconds: dict[str, float]
    peak_memory_bytes: int
    adapter_size_bytes: int
    identification: Identification | None = None
    artifacts: tuple[Artifact, ...] = ()
    explanation: str = ""
    devices: tuple[DeviceResult, ...] = ()
    fitting: Fitting | None = None


@dataclass(frozen=True)
class Job:
    """A piece of long work. ``kind`` is a field of the API's oneof ("pretrain", "identify", …); ``spec`` its fields."""

    name: str
    kind: str
    spec: dict[str, Any]
    state: str
    progress: Progress | None
    attempt_count: int
    error: Failure | None
    result: JobResult | None
    create_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None

    @property
    def ended(self) -> bool:
        """Whether the state is a last one."""
        return self.state in ENDED


@dataclass(frozen=True)
class Model:
    """A line of versions that answer one task."""

    name: str
    task: TaskSpec
    latest_version: str
    create_time: datetime | None


@dataclass(frozen=True)
class DataReference:
    """Data named by what they hold."""

    name: str
    sha256: str
    window_count: int


@dataclass(frozen=True)
class Lineage:
    """Where a version comes from."""

    job: str
    parent: str
    data: tuple[DataReference, ...]
    prior_json: str
    method: str
    seed: int
    decision: Decision | None


@dataclass(frozen=True)
class Version:
    """What was learned once, with its files."""

    name: str
    lineage: Lineage | None
    artifacts: tuple[Artifact, ...]
    parameter_count: int
    history: tuple[Progress, ...]
    create_time: datetime | None


@dataclass(frozen=True)
class ChannelMove:
    """One move of a channel."""

    version: str
    time: datetime | None


@dataclass(frozen=True)
class ModelChannel:
    """A name that points at a version, with everything it pointed at before."""

    name: str
    version: str
    etag: str
    history: tuple[ChannelMove, ...]
