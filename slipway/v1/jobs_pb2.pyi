import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from slipway.v1 import spec_pb2 as _spec_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Job(_message.Message):
    __slots__ = ("name", "pretrain", "adapt", "export", "evaluate", "identify", "fit", "import_model", "state", "progress", "attempt_count", "error", "result", "create_time", "start_time", "end_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Job.State]
        PENDING: _ClassVar[Job.State]
        RUNNING: _ClassVar[Job.State]
        SUCCEEDED: _ClassVar[Job.State]
        FAILED: _ClassVar[Job.State]
        CANCELLED: _ClassVar[Job.State]
    STATE_UNSPECIFIED: Job.State
    PENDING: Job.State
    RUNNING: Job.State
    SUCCEEDED: Job.State
    FAILED: Job.State
    CANCELLED: Job.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRETRAIN_FIELD_NUMBER: _ClassVar[int]
    ADAPT_FIELD_NUMBER: _ClassVar[int]
    EXPORT_FIELD_NUMBER: _ClassVar[int]
    EVALUATE_FIELD_NUMBER: _ClassVar[int]
    IDENTIFY_FIELD_NUMBER: _ClassVar[int]
    FIT_FIELD_NUMBER: _ClassVar[int]
    IMPORT_MODEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    pretrain: PretrainSpec
    adapt: AdaptSpec
    export: ExportSpec
    evaluate: EvaluateSpec
    identify: IdentifySpec
    fit: FitSpec
    import_model: ImportSpec
    state: Job.State
    progress: Progress
    attempt_count: int
    error: _status_pb2.Status
    result: JobResult
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., pretrain: _Optional[_Union[PretrainSpec, _Mapping]] = ..., adapt: _Optional[_Union[AdaptSpec, _Mapping]] = ..., export: _Optional[_Union[ExportSpec, _Mapping]] = ..., evaluate: _Optional[_Union[EvaluateSpec, _Mapping]] = ..., identify: _Optional[_Union[IdentifySpec, _Mapping]] = ..., fit: _Optional[_Union[FitSpec, _Mapping]] = ..., import_model: _Optional[_Union[ImportSpec, _Mapping]] = ..., state: _Optional[_Union[Job.State, str]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., attempt_count: _Optional[int] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., result: _Optional[_Union[JobResult, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PretrainSpec(_message.Message):
    __slots__ = ("model_id", "world", "dataset", "architecture", "epoch_count", "seed")
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    WORLD_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    world: WorldSource
    dataset: str
    architecture: str
    epoch_count: int
    seed: int
    def __init__(self, model_id: _Optional[str] = ..., world: _Optional[_Union[WorldSource, _Mapping]] = ..., dataset: _Optional[str] = ..., architecture: _Optional[str] = ..., epoch_count: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class WorldSource(_message.Message):
    __slots__ = ("world", "window_count", "prior", "identification", "curriculum")
    WORLD_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COUNT_FIELD_NUMBER: _ClassVar[int]
    PRIOR_FIELD_NUMBER: _ClassVar[int]
    IDENTIFICATION_FIELD_NUMBER: _ClassVar[int]
    CURRICULUM_FIELD_NUMBER: _ClassVar[int]
    world: str
    window_count: int
    prior: _struct_pb2.Struct
    identification: str
    curriculum: Curriculum
    def __init__(self, world: _Optional[str] = ..., window_count: _Optional[int] = ..., prior: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., identification: _Optional[str] = ..., curriculum: _Optional[_Union[Curriculum, _Mapping]] = ...) -> None: ...

class Curriculum(_message.Message):
    __slots__ = ("round_count", "start_share", "step", "cope_above")
    ROUND_COUNT_FIELD_NUMBER: _ClassVar[int]
    START_SHARE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    COPE_ABOVE_FIELD_NUMBER: _ClassVar[int]
    round_count: int
    start_share: float
    step: float
    cope_above: float
    def __init__(self, round_count: _Optional[int] = ..., start_share: _Optional[float] = ..., step: _Optional[float] = ..., cope_above: _Optional[float] = ...) -> None: ...

class AdaptSpec(_message.Message):
    __slots__ = ("base", "target", "scope", "objectives", "gate_policy", "source", "seed", "byte_budget", "candidates", "seed_count", "options", "conformal_coverage", "targets", "source_free", "measure_gains")
    class GatePolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        GATE_POLICY_UNSPECIFIED: _ClassVar[AdaptSpec.GatePolicy]
        ENFORCE: _ClassVar[AdaptSpec.GatePolicy]
        REPORT_ONLY: _ClassVar[AdaptSpec.GatePolicy]
    GATE_POLICY_UNSPECIFIED: AdaptSpec.GatePolicy
    ENFORCE: AdaptSpec.GatePolicy
    REPORT_ONLY: AdaptSpec.GatePolicy
    BASE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVES_FIELD_NUMBER: _ClassVar[int]
    GATE_POLICY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    BYTE_BUDGET_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    SEED_COUNT_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    CONFORMAL_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FREE_FIELD_NUMBER: _ClassVar[int]
    MEASURE_GAINS_FIELD_NUMBER: _ClassVar[int]
    base: str
    target: str
    scope: str
    objectives: _containers.RepeatedCompositeFieldContainer[WeightedObjective]
    gate_policy: AdaptSpec.GatePolicy
    source: str
    seed: int
    byte_budget: int
    candidates: _containers.RepeatedCompositeFieldContainer[AdaptPlan]
    seed_count: int
    options: AdaptOptions
    conformal_coverage: float
    targets: _containers.RepeatedScalarFieldContainer[str]
    source_free: bool
    measure_gains: bool
    def __init__(self, base: _Optional[str] = ..., target: _Optional[str] = ..., scope: _Optional[str] = ..., objectives: _Optional[_Iterable[_Union[WeightedObjective, _Mapping]]] = ..., gate_policy: _Optional[_Union[AdaptSpec.GatePolicy, str]] = ..., source: _Optional[str] = ..., seed: _Optional[int] = ..., byte_budget: _Optional[int] = ..., candidates: _Optional[_Iterable[_Union[AdaptPlan, _Mapping]]] = ..., seed_count: _Optional[int] = ..., options: _Optional[_Union[AdaptOptions, _Mapping]] = ..., conformal_coverage: _Optional[float] = ..., targets: _Optional[_Iterable[str]] = ..., source_free: _Optional[bool] = ..., measure_gains: _Optional[bool] = ...) -> None: ...

class AdaptPlan(_message.Message):
    __slots__ = ("scope", "objectives")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVES_FIELD_NUMBER: _ClassVar[int]
    scope: str
    objectives: _containers.RepeatedCompositeFieldContainer[WeightedObjective]
    def __init__(self, scope: _Optional[str] = ..., objectives: _Optional[_Iterable[_Union[WeightedObjective, _Mapping]]] = ...) -> None: ...

class AdaptOptions(_message.Message):
    __slots__ = ("learning_rate", "step_count", "batch_size", "pull_to_base", "label_smoothing", "validation_share", "patience", "marginal")
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    PULL_TO_BASE_FIELD_NUMBER: _ClassVar[int]
    LABEL_SMOOTHING_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_SHARE_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    MARGINAL_FIELD_NUMBER: _ClassVar[int]
    learning_rate: float
    step_count: int
    batch_size: int
    pull_to_base: float
    label_smoothing: float
    validation_share: float
    patience: float
    marginal: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, learning_rate: _Optional[float] = ..., step_count: _Optional[int] = ..., batch_size: _Optional[int] = ..., pull_to_base: _Optional[float] = ..., label_smoothing: _Optional[float] = ..., validation_share: _Optional[float] = ..., patience: _Optional[float] = ..., marginal: _Optional[_Iterable[float]] = ...) -> None: ...

class WeightedObjective(_message.Message):
    __slots__ = ("objective", "weight")
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    objective: str
    weight: float
    def __init__(self, objective: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...

class ExportSpec(_message.Message):
    __slots__ = ("version", "calibration", "fine_tune", "cores", "independent", "code")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    FINE_TUNE_FIELD_NUMBER: _ClassVar[int]
    CORES_FIELD_NUMBER: _ClassVar[int]
    INDEPENDENT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    version: str
    calibration: str
    fine_tune: bool
    cores: _containers.RepeatedScalarFieldContainer[str]
    independent: bool
    code: CodeOptions
    def __init__(self, version: _Optional[str] = ..., calibration: _Optional[str] = ..., fine_tune: _Optional[bool] = ..., cores: _Optional[_Iterable[str]] = ..., independent: _Optional[bool] = ..., code: _Optional[_Union[CodeOptions, _Mapping]] = ...) -> None: ...

class CodeOptions(_message.Message):
    __slots__ = ("integer_arithmetic", "simd")
    INTEGER_ARITHMETIC_FIELD_NUMBER: _ClassVar[int]
    SIMD_FIELD_NUMBER: _ClassVar[int]
    integer_arithmetic: bool
    simd: bool
    def __init__(self, integer_arithmetic: _Optional[bool] = ..., simd: _Optional[bool] = ...) -> None: ...

class FitSpec(_message.Message):
    __slots__ = ("model_id", "base", "dataset", "profile", "calibration", "seed", "effort")
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    EFFORT_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    base: str
    dataset: str
    profile: DeviceProfile
    calibration: str
    seed: int
    effort: FitEffort
    def __init__(self, model_id: _Optional[str] = ..., base: _Optional[str] = ..., dataset: _Optional[str] = ..., profile: _Optional[_Union[DeviceProfile, _Mapping]] = ..., calibration: _Optional[str] = ..., seed: _Optional[int] = ..., effort: _Optional[_Union[FitEffort, _Mapping]] = ...) -> None: ...

class DeviceProfile(_message.Message):
    __slots__ = ("name", "flash_bytes", "ram_bytes", "instructions_per_second", "latency_seconds", "operators", "core")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FLASH_BYTES_FIELD_NUMBER: _ClassVar[int]
    RAM_BYTES_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTIONS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    LATENCY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    OPERATORS_FIELD_NUMBER: _ClassVar[int]
    CORE_FIELD_NUMBER: _ClassVar[int]
    name: str
    flash_bytes: int
    ram_bytes: int
    instructions_per_second: float
    latency_seconds: float
    operators: _containers.RepeatedScalarFieldContainer[str]
    core: str
    def __init__(self, name: _Optional[str] = ..., flash_bytes: _Optional[int] = ..., ram_bytes: _Optional[int] = ..., instructions_per_second: _Optional[float] = ..., latency_seconds: _Optional[float] = ..., operators: _Optional[_Iterable[str]] = ..., core: _Optional[str] = ...) -> None: ...

class FitEffort(_message.Message):
    __slots__ = ("candidate_count", "round_step_counts")
    CANDIDATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    ROUND_STEP_COUNTS_FIELD_NUMBER: _ClassVar[int]
    candidate_count: int
    round_step_counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, candidate_count: _Optional[int] = ..., round_step_counts: _Optional[_Iterable[int]] = ...) -> None: ...

class ImportSpec(_message.Message):
    __slots__ = ("model_id", "task", "layout")
    class Layout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        LAYOUT_UNSPECIFIED: _ClassVar[ImportSpec.Layout]
        TIME_CHANNELS: _ClassVar[ImportSpec.Layout]
        CHANNELS_TIME: _ClassVar[ImportSpec.Layout]
    LAYOUT_UNSPECIFIED: ImportSpec.Layout
    TIME_CHANNELS: ImportSpec.Layout
    CHANNELS_TIME: ImportSpec.Layout
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    task: _spec_pb2.TaskSpec
    layout: ImportSpec.Layout
    def __init__(self, model_id: _Optional[str] = ..., task: _Optional[_Union[_spec_pb2.TaskSpec, _Mapping]] = ..., layout: _Optional[_Union[ImportSpec.Layout, str]] = ...) -> None: ...

class EvaluateSpec(_message.Message):
    __slots__ = ("version", "dataset", "form")
    class Form(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORM_UNSPECIFIED: _ClassVar[EvaluateSpec.Form]
        LEARNED: _ClassVar[EvaluateSpec.Form]
        FLOAT_ONNX: _ClassVar[EvaluateSpec.Form]
        INT8_ONNX: _ClassVar[EvaluateSpec.Form]
    FORM_UNSPECIFIED: EvaluateSpec.Form
    LEARNED: EvaluateSpec.Form
    FLOAT_ONNX: EvaluateSpec.Form
    INT8_ONNX: EvaluateSpec.Form
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    version: str
    dataset: str
    form: EvaluateSpec.Form
    def __init__(self, version: _Optional[str] = ..., dataset: _Optional[str] = ..., form: _Optional[_Union[EvaluateSpec.Form, str]] = ...) -> None: ...

class IdentifySpec(_message.Message):
    __slots__ = ("world", "dataset", "prior", "names", "method", "simulation_count", "seed")
    class Method(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        METHOD_UNSPECIFIED: _ClassVar[IdentifySpec.Method]
        PAIRED: _ClassVar[IdentifySpec.Method]
        UNPAIRED: _ClassVar[IdentifySpec.Method]
    METHOD_UNSPECIFIED: IdentifySpec.Method
    PAIRED: IdentifySpec.Method
    UNPAIRED: IdentifySpec.Method
    WORLD_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PRIOR_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    SIMULATION_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    world: str
    dataset: str
    prior: _struct_pb2.Struct
    names: _containers.RepeatedScalarFieldContainer[str]
    method: IdentifySpec.Method
    simulation_count: int
    seed: int
    def __init__(self, world: _Optional[str] = ..., dataset: _Optional[str] = ..., prior: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., names: _Optional[_Iterable[str]] = ..., method: _Optional[_Union[IdentifySpec.Method, str]] = ..., simulation_count: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("stage", "fraction", "epoch", "loss", "validation_accuracy")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    stage: str
    fraction: float
    epoch: int
    loss: float
    validation_accuracy: float
    def __init__(self, stage: _Optional[str] = ..., fraction: _Optional[float] = ..., epoch: _Optional[int] = ..., loss: _Optional[float] = ..., validation_accuracy: _Optional[float] = ...) -> None: ...

class JobResult(_message.Message):
    __slots__ = ("version", "decision", "evaluation", "stage_seconds", "peak_memory_bytes", "adapter_size_bytes", "identification", "artifacts", "explanation", "devices", "fitting")
    class StageSecondsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    STAGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    IDENTIFICATION_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    FITTING_FIELD_NUMBER: _ClassVar[int]
    version: str
    decision: Decision
    evaluation: Evaluation
    stage_seconds: _containers.ScalarMap[str, float]
    peak_memory_bytes: int
    adapter_size_bytes: int
    identification: Identification
    artifacts: _containers.RepeatedCompositeFieldContainer[_spec_pb2.Artifact]
    explanation: str
    devices: _containers.RepeatedCompositeFieldContainer[DeviceResult]
    fitting: Fitting
    def __init__(self, version: _Optional[str] = ..., decision: _Optional[_Union[Decision, _Mapping]] = ..., evaluation: _Optional[_Union[Evaluation, _Mapping]] = ..., stage_seconds: _Optional[_Mapping[str, float]] = ..., peak_memory_bytes: _Optional[int] = ..., adapter_size_bytes: _Optional[int] = ..., identification: _Optional[_Union[Identification, _Mapping]] = ..., artifacts: _Optional[_Iterable[_Union[_spec_pb2.Artifact, _Mapping]]] = ..., explanation: _Optional[str] = ..., devices: _Optional[_Iterable[_Union[DeviceResult, _Mapping]]] = ..., fitting: _Optional[_Union[Fitting, _Mapping]] = ...) -> None: ...

class Fitting(_message.Message):
    __slots__ = ("candidate", "accuracy", "base_accuracy", "candidates")
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    BASE_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    candidate: str
    accuracy: float
    base_accuracy: float
    candidates: _containers.RepeatedCompositeFieldContainer[FitCandidate]
    def __init__(self, candidate: _Optional[str] = ..., accuracy: _Optional[float] = ..., base_accuracy: _Optional[float] = ..., candidates: _Optional[_Iterable[_Union[FitCandidate, _Mapping]]] = ...) -> None: ...

class FitCandidate(_message.Message):
    __slots__ = ("name", "flash_bytes", "ram_bytes", "instruction_count", "step_count", "accuracy", "int8_accuracy", "fits", "fate")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FLASH_BYTES_FIELD_NUMBER: _ClassVar[int]
    RAM_BYTES_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    INT8_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    FITS_FIELD_NUMBER: _ClassVar[int]
    FATE_FIELD_NUMBER: _ClassVar[int]
    name: str
    flash_bytes: int
    ram_bytes: int
    instruction_count: int
    step_count: int
    accuracy: float
    int8_accuracy: float
    fits: bool
    fate: str
    def __init__(self, name: _Optional[str] = ..., flash_bytes: _Optional[int] = ..., ram_bytes: _Optional[int] = ..., instruction_count: _Optional[int] = ..., step_count: _Optional[int] = ..., accuracy: _Optional[float] = ..., int8_accuracy: _Optional[float] = ..., fits: _Optional[bool] = ..., fate: _Optional[str] = ...) -> None: ...

class DeviceResult(_message.Message):
    __slots__ = ("target", "version", "decision", "error", "adapter_size_bytes")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    target: str
    version: str
    decision: Decision
    error: _status_pb2.Status
    adapter_size_bytes: int
    def __init__(self, target: _Optional[str] = ..., version: _Optional[str] = ..., decision: _Optional[_Union[Decision, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., adapter_size_bytes: _Optional[int] = ...) -> None: ...

class Identification(_message.Message):
    __slots__ = ("method", "prior", "marginals", "reach", "determination", "simulation_count", "seconds")
    class DeterminationEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PRIOR_FIELD_NUMBER: _ClassVar[int]
    MARGINALS_FIELD_NUMBER: _ClassVar[int]
    REACH_FIELD_NUMBER: _ClassVar[int]
    DETERMINATION_FIELD_NUMBER: _ClassVar[int]
    SIMULATION_COUNT_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    method: str
    prior: _struct_pb2.Struct
    marginals: _containers.RepeatedCompositeFieldContainer[Marginal]
    reach: Reach
    determination: _containers.ScalarMap[str, float]
    simulation_count: int
    seconds: float
    def __init__(self, method: _Optional[str] = ..., prior: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., marginals: _Optional[_Iterable[_Union[Marginal, _Mapping]]] = ..., reach: _Optional[_Union[Reach, _Mapping]] = ..., determination: _Optional[_Mapping[str, float]] = ..., simulation_count: _Optional[int] = ..., seconds: _Optional[float] = ...) -> None: ...

class Marginal(_message.Message):
    __slots__ = ("name", "unit", "prior_low", "prior_median", "prior_high", "low", "median", "high", "shrinkage", "determined")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    PRIOR_LOW_FIELD_NUMBER: _ClassVar[int]
    PRIOR_MEDIAN_FIELD_NUMBER: _ClassVar[int]
    PRIOR_HIGH_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    SHRINKAGE_FIELD_NUMBER: _ClassVar[int]
    DETERMINED_FIELD_NUMBER: _ClassVar[int]
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
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ..., prior_low: _Optional[float] = ..., prior_median: _Optional[float] = ..., prior_high: _Optional[float] = ..., low: _Optional[float] = ..., median: _Optional[float] = ..., high: _Optional[float] = ..., shrinkage: _Optional[float] = ..., determined: _Optional[bool] = ...) -> None: ...

class Reach(_message.Message):
    __slots__ = ("p_value", "channels", "threshold", "inside", "broken", "words")
    class ChannelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class WordsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    INSIDE_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    p_value: float
    channels: _containers.ScalarMap[str, float]
    threshold: float
    inside: bool
    broken: _containers.RepeatedScalarFieldContainer[str]
    words: _containers.ScalarMap[str, str]
    def __init__(self, p_value: _Optional[float] = ..., channels: _Optional[_Mapping[str, float]] = ..., threshold: _Optional[float] = ..., inside: _Optional[bool] = ..., broken: _Optional[_Iterable[str]] = ..., words: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("chosen", "promoted", "reason", "evidence", "confidence")
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    PROMOTED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    chosen: str
    promoted: bool
    reason: str
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    confidence: float
    def __init__(self, chosen: _Optional[str] = ..., promoted: _Optional[bool] = ..., reason: _Optional[str] = ..., evidence: _Optional[_Iterable[_Union[Evidence, _Mapping]]] = ..., confidence: _Optional[float] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("candidate", "scores", "mean_rank", "veto")
    class ScoresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    MEAN_RANK_FIELD_NUMBER: _ClassVar[int]
    VETO_FIELD_NUMBER: _ClassVar[int]
    candidate: str
    scores: _containers.ScalarMap[str, float]
    mean_rank: float
    veto: str
    def __init__(self, candidate: _Optional[str] = ..., scores: _Optional[_Mapping[str, float]] = ..., mean_rank: _Optional[float] = ..., veto: _Optional[str] = ...) -> None: ...

class Evaluation(_message.Message):
    __slots__ = ("accuracy", "macro_f1", "confusion", "classes", "window_count", "outputs")
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    MACRO_F1_FIELD_NUMBER: _ClassVar[int]
    CONFUSION_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COUNT_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    accuracy: float
    macro_f1: float
    confusion: _containers.RepeatedScalarFieldContainer[int]
    classes: _containers.RepeatedScalarFieldContainer[str]
    window_count: int
    outputs: _containers.RepeatedCompositeFieldContainer[OutputEvaluation]
    def __init__(self, accuracy: _Optional[float] = ..., macro_f1: _Optional[float] = ..., confusion: _Optional[_Iterable[int]] = ..., classes: _Optional[_Iterable[str]] = ..., window_count: _Optional[int] = ..., outputs: _Optional[_Iterable[_Union[OutputEvaluation, _Mapping]]] = ...) -> None: ...

class OutputEvaluation(_message.Message):
    __slots__ = ("name", "unit", "determination", "root_mean_square_error")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    DETERMINATION_FIELD_NUMBER: _ClassVar[int]
    ROOT_MEAN_SQUARE_ERROR_FIELD_NUMBER: _ClassVar[int]
    name: str
    unit: str
    determination: float
    root_mean_square_error: float
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ..., determination: _Optional[float] = ..., root_mean_square_error: _Optional[float] = ...) -> None: ...

class CreateJobRequest(_message.Message):
    __slots__ = ("job", "request_id")
    JOB_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    job: Job
    request_id: str
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class WatchJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...
