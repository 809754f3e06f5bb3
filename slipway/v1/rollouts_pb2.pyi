import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from slipway.v1 import jobs_pb2 as _jobs_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Rollout(_message.Message):
    __slots__ = ("name", "channel", "version", "plan", "state", "reason", "stage", "device_count", "report_count", "signals", "events", "create_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Rollout.State]
        RUNNING: _ClassVar[Rollout.State]
        PAUSED: _ClassVar[Rollout.State]
        COMPLETED: _ClassVar[Rollout.State]
        ABORTED: _ClassVar[Rollout.State]
        SUPERSEDED: _ClassVar[Rollout.State]
    STATE_UNSPECIFIED: Rollout.State
    RUNNING: Rollout.State
    PAUSED: Rollout.State
    COMPLETED: Rollout.State
    ABORTED: Rollout.State
    SUPERSEDED: Rollout.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REPORT_COUNT_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    channel: str
    version: str
    plan: RolloutPlan
    state: Rollout.State
    reason: str
    stage: int
    device_count: int
    report_count: int
    signals: _containers.RepeatedCompositeFieldContainer[RolloutSignal]
    events: _containers.RepeatedCompositeFieldContainer[RolloutEvent]
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., channel: _Optional[str] = ..., version: _Optional[str] = ..., plan: _Optional[_Union[RolloutPlan, _Mapping]] = ..., state: _Optional[_Union[Rollout.State, str]] = ..., reason: _Optional[str] = ..., stage: _Optional[int] = ..., device_count: _Optional[int] = ..., report_count: _Optional[int] = ..., signals: _Optional[_Iterable[_Union[RolloutSignal, _Mapping]]] = ..., events: _Optional[_Iterable[_Union[RolloutEvent, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RolloutPlan(_message.Message):
    __slots__ = ("stages", "loss", "slower", "exceptions", "error", "report_count", "device_count")
    STAGES_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    SLOWER_FIELD_NUMBER: _ClassVar[int]
    EXCEPTIONS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    REPORT_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_COUNT_FIELD_NUMBER: _ClassVar[int]
    stages: _containers.RepeatedScalarFieldContainer[float]
    loss: float
    slower: float
    exceptions: float
    error: float
    report_count: int
    device_count: int
    def __init__(self, stages: _Optional[_Iterable[float]] = ..., loss: _Optional[float] = ..., slower: _Optional[float] = ..., exceptions: _Optional[float] = ..., error: _Optional[float] = ..., report_count: _Optional[int] = ..., device_count: _Optional[int] = ...) -> None: ...

class RolloutSignal(_message.Message):
    __slots__ = ("name", "alarm", "mean")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALARM_FIELD_NUMBER: _ClassVar[int]
    PASS_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    name: str
    alarm: float
    mean: float
    def __init__(self, name: _Optional[str] = ..., alarm: _Optional[float] = ..., mean: _Optional[float] = ..., **kwargs) -> None: ...

class RolloutEvent(_message.Message):
    __slots__ = ("time", "text", "state", "stage")
    TIME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    text: str
    state: Rollout.State
    stage: int
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., text: _Optional[str] = ..., state: _Optional[_Union[Rollout.State, str]] = ..., stage: _Optional[int] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("name", "enabled", "channel", "drift_limit", "device_count", "adaptation", "target", "plan", "rest_hours", "state", "job", "rollout", "events")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Policy.State]
        DISABLED: _ClassVar[Policy.State]
        WATCHING: _ClassVar[Policy.State]
        ADAPTING: _ClassVar[Policy.State]
        ROLLING_OUT: _ClassVar[Policy.State]
        RESTING: _ClassVar[Policy.State]
    STATE_UNSPECIFIED: Policy.State
    DISABLED: Policy.State
    WATCHING: Policy.State
    ADAPTING: Policy.State
    ROLLING_OUT: Policy.State
    RESTING: Policy.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    DRIFT_LIMIT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_COUNT_FIELD_NUMBER: _ClassVar[int]
    ADAPTATION_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    REST_HOURS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    enabled: bool
    channel: str
    drift_limit: float
    device_count: int
    adaptation: _jobs_pb2.AdaptSpec
    target: str
    plan: RolloutPlan
    rest_hours: float
    state: Policy.State
    job: str
    rollout: str
    events: _containers.RepeatedCompositeFieldContainer[PolicyEvent]
    def __init__(self, name: _Optional[str] = ..., enabled: _Optional[bool] = ..., channel: _Optional[str] = ..., drift_limit: _Optional[float] = ..., device_count: _Optional[int] = ..., adaptation: _Optional[_Union[_jobs_pb2.AdaptSpec, _Mapping]] = ..., target: _Optional[str] = ..., plan: _Optional[_Union[RolloutPlan, _Mapping]] = ..., rest_hours: _Optional[float] = ..., state: _Optional[_Union[Policy.State, str]] = ..., job: _Optional[str] = ..., rollout: _Optional[str] = ..., events: _Optional[_Iterable[_Union[PolicyEvent, _Mapping]]] = ...) -> None: ...

class PolicyEvent(_message.Message):
    __slots__ = ("time", "text", "state")
    TIME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    text: str
    state: Policy.State
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., text: _Optional[str] = ..., state: _Optional[_Union[Policy.State, str]] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("name", "version", "drift", "window_count", "report_time", "history")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COUNT_FIELD_NUMBER: _ClassVar[int]
    REPORT_TIME_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    drift: float
    window_count: int
    report_time: _timestamp_pb2.Timestamp
    history: _containers.RepeatedCompositeFieldContainer[DeviceEvent]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., drift: _Optional[float] = ..., window_count: _Optional[int] = ..., report_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., history: _Optional[_Iterable[_Union[DeviceEvent, _Mapping]]] = ...) -> None: ...

class DeviceEvent(_message.Message):
    __slots__ = ("time", "version", "state", "reason", "message")
    TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    version: str
    state: str
    reason: str
    message: str
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class CreateRolloutRequest(_message.Message):
    __slots__ = ("parent", "rollout", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    rollout: Rollout
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., rollout: _Optional[_Union[Rollout, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetRolloutRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListRolloutsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRolloutsResponse(_message.Message):
    __slots__ = ("rollouts", "next_page_token")
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rollouts: _containers.RepeatedCompositeFieldContainer[Rollout]
    next_page_token: str
    def __init__(self, rollouts: _Optional[_Iterable[_Union[Rollout, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PauseRolloutRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ResumeRolloutRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class AbortRolloutRequest(_message.Message):
    __slots__ = ("name", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    reason: str
    def __init__(self, name: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class GetPolicyRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class UpdatePolicyRequest(_message.Message):
    __slots__ = ("policy",)
    POLICY_FIELD_NUMBER: _ClassVar[int]
    policy: Policy
    def __init__(self, policy: _Optional[_Union[Policy, _Mapping]] = ...) -> None: ...

class GetDeviceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListDevicesRequest(_message.Message):
    __slots__ = ("model", "page_size", "page_token")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    model: str
    page_size: int
    page_token: str
    def __init__(self, model: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDevicesResponse(_message.Message):
    __slots__ = ("devices", "next_page_token")
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    next_page_token: str
    def __init__(self, devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
