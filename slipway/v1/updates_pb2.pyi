import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetMetadataRequest(_message.Message):
    __slots__ = ("model", "channel", "held_sha256", "device_id")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    HELD_SHA256_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    model: str
    channel: str
    held_sha256: _containers.RepeatedScalarFieldContainer[str]
    device_id: str
    def __init__(self, model: _Optional[str] = ..., channel: _Optional[str] = ..., held_sha256: _Optional[_Iterable[str]] = ..., device_id: _Optional[str] = ...) -> None: ...

class UpdateMetadata(_message.Message):
    __slots__ = ("version", "target", "serial", "delta", "candidate")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    version: str
    target: Target
    serial: int
    delta: Delta
    candidate: Candidate
    def __init__(self, version: _Optional[str] = ..., target: _Optional[_Union[Target, _Mapping]] = ..., serial: _Optional[int] = ..., delta: _Optional[_Union[Delta, _Mapping]] = ..., candidate: _Optional[_Union[Candidate, _Mapping]] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("rollout", "version", "target", "delta")
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    rollout: str
    version: str
    target: Target
    delta: Delta
    def __init__(self, rollout: _Optional[str] = ..., version: _Optional[str] = ..., target: _Optional[_Union[Target, _Mapping]] = ..., delta: _Optional[_Union[Delta, _Mapping]] = ...) -> None: ...

class Delta(_message.Message):
    __slots__ = ("target", "base_sha256")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    BASE_SHA256_FIELD_NUMBER: _ClassVar[int]
    target: Target
    base_sha256: str
    def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ..., base_sha256: _Optional[str] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("sha256", "size_bytes")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    size_bytes: int
    def __init__(self, sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class DownloadTargetRequest(_message.Message):
    __slots__ = ("sha256", "read_offset", "read_limit")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    READ_OFFSET_FIELD_NUMBER: _ClassVar[int]
    READ_LIMIT_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    read_offset: int
    read_limit: int
    def __init__(self, sha256: _Optional[str] = ..., read_offset: _Optional[int] = ..., read_limit: _Optional[int] = ...) -> None: ...

class DownloadTargetResponse(_message.Message):
    __slots__ = ("offset", "data")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    offset: int
    data: bytes
    def __init__(self, offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class WatchUpdatesRequest(_message.Message):
    __slots__ = ("model", "channel")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    channel: str
    def __init__(self, model: _Optional[str] = ..., channel: _Optional[str] = ...) -> None: ...

class WatchUpdatesResponse(_message.Message):
    __slots__ = ("serial", "rollout_serial", "spread")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_SERIAL_FIELD_NUMBER: _ClassVar[int]
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    serial: int
    rollout_serial: int
    spread: _duration_pb2.Duration
    def __init__(self, serial: _Optional[int] = ..., rollout_serial: _Optional[int] = ..., spread: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ReportStatusRequest(_message.Message):
    __slots__ = ("device_id", "version", "state", "reason", "message")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[ReportStatusRequest.State]
        INSTALLED: _ClassVar[ReportStatusRequest.State]
        REFUSED: _ClassVar[ReportStatusRequest.State]
        ROLLED_BACK: _ClassVar[ReportStatusRequest.State]
    STATE_UNSPECIFIED: ReportStatusRequest.State
    INSTALLED: ReportStatusRequest.State
    REFUSED: ReportStatusRequest.State
    ROLLED_BACK: ReportStatusRequest.State
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    version: str
    state: ReportStatusRequest.State
    reason: str
    message: str
    def __init__(self, device_id: _Optional[str] = ..., version: _Optional[str] = ..., state: _Optional[_Union[ReportStatusRequest.State, str]] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class ReportStatusResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReportHealthRequest(_message.Message):
    __slots__ = ("device_id", "version", "sequence", "window_count", "drift", "comparison")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COUNT_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    version: str
    sequence: int
    window_count: int
    drift: float
    comparison: Comparison
    def __init__(self, device_id: _Optional[str] = ..., version: _Optional[str] = ..., sequence: _Optional[int] = ..., window_count: _Optional[int] = ..., drift: _Optional[float] = ..., comparison: _Optional[_Union[Comparison, _Mapping]] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("rollout", "window_count", "confidence", "confidence_before", "feedback_count", "right_count", "right_count_before", "failure_count", "latency_seconds", "latency_seconds_before")
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_COUNT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_COUNT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_COUNT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    LATENCY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_SECONDS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    rollout: str
    window_count: int
    confidence: float
    confidence_before: float
    feedback_count: int
    right_count: int
    right_count_before: int
    failure_count: int
    latency_seconds: float
    latency_seconds_before: float
    def __init__(self, rollout: _Optional[str] = ..., window_count: _Optional[int] = ..., confidence: _Optional[float] = ..., confidence_before: _Optional[float] = ..., feedback_count: _Optional[int] = ..., right_count: _Optional[int] = ..., right_count_before: _Optional[int] = ..., failure_count: _Optional[int] = ..., latency_seconds: _Optional[float] = ..., latency_seconds_before: _Optional[float] = ...) -> None: ...

class ReportHealthResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetRepositoryFileRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RepositoryFile(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    def __init__(self, content: _Optional[bytes] = ...) -> None: ...

class RelayReportRequest(_message.Message):
    __slots__ = ("report", "signature")
    REPORT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    report: bytes
    signature: bytes
    def __init__(self, report: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("device_id", "time", "status", "health")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    time: _timestamp_pb2.Timestamp
    status: ReportStatusRequest
    health: ReportHealthRequest
    def __init__(self, device_id: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[_Union[ReportStatusRequest, _Mapping]] = ..., health: _Optional[_Union[ReportHealthRequest, _Mapping]] = ...) -> None: ...

class RelayReportResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
