"""What the server talks about, as plain immutable values: no protobuf, no database, no JAX.

Everything here survives JSON through ``dataclasses.asdict`` and the ``from_json`` of its module's users, so that a job
written today can be read by the server of tomorrow.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class JobState(StrEnum):
    """What a job can be in."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True)
class PretrainSpec:
    """Learn a base. Exactly one of ``world`` and ``dataset`` is set; 0 and ``""`` mean the default."""

    model_id: str
    world: str = ""
    window_count: int = 0
    prior: dict[str, Any] = field(default_factory=dict)
    dataset: str = ""
    architecture: str = ""
    epoch_count: int = 0
    seed: int = 0
    identification: str = ""  # the job whose fitted prior stands in ``prior``
    curriculum: dict[str, float] | None = None  # round_count, start_share, step, cope_above; what is left out: default


@dataclass(frozen=True)
class AdaptPlan:
    """One way to adapt; an empty scope is the richest that fits the job's budget."""

    scope: str
    objectives: dict[str, float]  # weight by name


@dataclass(frozen=True)
class AdaptSpec:
    """Fit ``base`` to ``target``, or to each of ``targets``. No scope, no plan: the choice is the service's."""

    base: str
    target: str = ""
    scope: str = ""
    objectives: dict[str, float] = field(default_factory=dict)  # weight by name
    enforce_gate: bool = True
    source: str = ""
    seed: int = 0
    byte_budget: int = 0  # of the change after int8 export; 0: no limit
    candidates: tuple[AdaptPlan, ...] = ()  # instead of scope and objectives
    seed_count: int = 1
    options: dict[str, Any] = field(default_factory=dict)  # fields of adapters.options.Options that are not the default
    conformal_coverage: float = 0.0
    targets: tuple[str, ...] = ()
    source_free: bool = False
    measure_gains: bool = False


@dataclass(frozen=True)
class ExportSpec:
    """Make the files that devices run; ``cores`` are keys of ``export.mcu.boards.BOARDS``."""

    version: str
    calibration: str
    fine_tune: bool = False
    cores: tuple[str, ...] = ()
    independent: bool = False  # of the parent's int8 file
    integer_arithmetic: bool = False  # of the generated C
    simd: bool = False


@dataclass(frozen=True)
class EvaluateSpec:
    """Measure ``version`` on the labelled windows of ``dataset``; form is "learned", "float_onnx" or "int8_onnx"."""

    version: str
    dataset: str
    form: str = "learned"


@dataclass(frozen=True)
class IdentifySpec:
    """Fit the prior of ``world`` to ``dataset``; method is "", "paired" or "unpaired"; 0 and ``""``: the default."""

    world: str
    dataset: str
    prior: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    method: str = ""
    simulation_count: int = 0
    seed: int = 0


@dataclass(frozen=True)
class FitSpec:
    """Find the best net for a device that can learn from ``base``."""

    model_id: str
    base: str
    dataset: str
    profile: dict[str, Any]  # export.fit.profile.Profile.to_json() of a ready-made one changed, or of one's own
    calibration: str = ""
    seed: int = 0
    effort: dict[str, Any] = field(default_factory=dict)  # candidates and steps of export.fit.halving.Effort


@dataclass(frozen=True)
class ImportSpec:
    """Make a version of the job's own artifact ``GRAPH``; layout is "time_channels", "channels_time" or ""."""

    model_id: str
    task: dict[str, Any]  # TaskSpec.to_json()
    layout: str = ""


JobSpec = PretrainSpec | AdaptSpec | ExportSpec | EvaluateSpec | IdentifySpec | FitSpec | ImportSpec
JOB_KINDS: dict[str, type[JobSpec]] = {
    "pretrain": PretrainSpec,
    "adapt": AdaptSpec,
    "export": ExportSpec,
    "evaluate": EvaluateSpec,
    "identify": IdentifySpec,
    "fit": FitSpec,
    "import_model": ImportSpec,
}
GRAPH = "graph"  # the artifact of an import job: the file that was uploaded


@dataclass(frozen=True)
class Progress:
    """How far an attempt has come; one point of a learning curve where the stage trains."""

    stage: str
    fraction: float = 0.0
    epoch: int = 0
    loss: float = 0.0
    validation_accuracy: float = 0.0


@dataclass(frozen=True)
class Evidence:
    """What spoke for and against a candidate of the gate."""

    candidate: str
    scores: dict[str, float]
    mean_rank: float
    veto: str = ""


@dataclass(frozen=True)
class Decision:
    """The gate's answer."""

    chosen: str
    promoted: bool
    reason: str
    evidence: tuple[Evidence, ...] = ()
    confidence: float = 0.0  # that the gate demands before it promotes; 0: it compared nothing


@dataclass(frozen=True)
class OutputEvaluation:
    """How well one output of a regression was estimated: R², and the error in the output's unit."""

    name: str
    unit: str
    determination: float
    root_mean_square_error: float


@dataclass(frozen=True)
class Evaluation:
    """How well a version did on labelled windows. ``confusion[true][answered]`` counts; a regression has outputs."""

    accuracy: float
    macro_f1: float
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[str, ...]
    window_count: int
    outputs: tuple[OutputEvaluation, ...] = ()


@dataclass(frozen=True)
class Identification:
    """What a recording said about a simulator: ``sim.identify.fit.Fit`` as plain JSON values, under the same names."""

    method: str
    prior: dict[str, Any]
    marginals: tuple[dict[str, Any], ...]
    reach: dict[str, Any]
    determination: dict[str, float]
    simulations: int
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
class DataReference:
    """Data named by what they hold."""

    name: str
    sha256: str
    window_count: int


@dataclass(frozen=True)
class Lineage:
    """Where a version comes from (the catalogue adds the job's name)."""

    method: str
    seed: int = 0
    parent: str = ""
    data: tuple[DataReference, ...] = ()
    prior_json: str = ""
    decision: Decision | None = None


@dataclass(frozen=True)
class NewVersion:
    """A version to be entered into the catalogue together with the job's success."""

    model_id: str
    task: dict[str, Any]  # TaskSpec.to_json()
    lineage: Lineage
    parameter_count: int
    files: Mapping[str, bytes]  # artifact id -> content: "model", "adapter"
    history: tuple[Progress, ...] = ()
    numbered: Callable[[int], Mapping[str, bytes]] | None = None  # files that say which version they are


@dataclass(frozen=True)
class Failure:
    """Why something was refused, kept: what ``slipway.errors.Refused`` is built from."""

    reason: str
    field: str
    details: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class NewDevice:
    """What came of one device of a fleet: a version, or the base and why."""

    target: str
    version: NewVersion | None = None
    decision: Decision | None = None
    failure: Failure | None = None
    adapter_size_bytes: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a pipeline hands back; the worker commits all of it in one transaction, or nothing."""

    version: NewVersion | None = None
    artifacts: dict[str, bytes] = field(default_factory=dict)  # added to ``artifacts_of``: "int8_onnx", "bundle", …
    artifacts_of: str = ""  # an existing version; empty: the job itself
    decision: Decision | None = None
    evaluation: Evaluation | None = None
    identification: Identification | None = None
    stage_seconds: dict[str, float] = field(default_factory=dict)
    adapter_size_bytes: int = 0
    explanation: str = ""  # why these candidates, where the service chose them
    devices: tuple[NewDevice, ...] = ()
    fitting: Fitting | None = None
