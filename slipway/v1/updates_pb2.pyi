from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetMetadataRequest(_message.Message):
    __slots__ = ("model", "channel", "held_sha256")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    HELD_SHA256_FIELD_NUMBER: _ClassVar[int]
    model: str
    channel: str
    held_sha256: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model: _Optional[str] = ..., channel: _Optional[str] = ..., held_sha256: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateMetadata(_message.Message):
    __slots__ = ("version", "target", "serial", "delta")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    version: str
    target: Target
    serial: int
    delta: Delta
    def __init__(self, version: _Optional[str] = ..., target: _Optional[_Union[Target, _Mapping]] = ..., serial: _Optional[int] = ..., delta: _Optional[_Union[Delta, _Mapping]] = ...) -> None: ...

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
    __slots__ = ("serial",)
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    serial: int
    def __init__(self, serial: _Optional[int] = ...) -> None: ...

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
