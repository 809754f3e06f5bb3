import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from slipway.v1 import spec_pb2 as _spec_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Dataset(_message.Message):
    __slots__ = ("name", "display_name", "sensor", "classes", "window_count", "label_counts", "statistics", "create_time", "outputs")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COUNT_FIELD_NUMBER: _ClassVar[int]
    LABEL_COUNTS_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    sensor: _spec_pb2.SensorSpec
    classes: _containers.RepeatedScalarFieldContainer[str]
    window_count: int
    label_counts: _containers.RepeatedScalarFieldContainer[int]
    statistics: _spec_pb2.ChannelStatistics
    create_time: _timestamp_pb2.Timestamp
    outputs: _containers.RepeatedCompositeFieldContainer[_spec_pb2.Channel]
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., sensor: _Optional[_Union[_spec_pb2.SensorSpec, _Mapping]] = ..., classes: _Optional[_Iterable[str]] = ..., window_count: _Optional[int] = ..., label_counts: _Optional[_Iterable[int]] = ..., statistics: _Optional[_Union[_spec_pb2.ChannelStatistics, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outputs: _Optional[_Iterable[_Union[_spec_pb2.Channel, _Mapping]]] = ...) -> None: ...

class CreateDatasetRequest(_message.Message):
    __slots__ = ("dataset_id", "dataset", "request_id")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    dataset: Dataset
    request_id: str
    def __init__(self, dataset_id: _Optional[str] = ..., dataset: _Optional[_Union[Dataset, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetDatasetRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListDatasetsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDatasetsResponse(_message.Message):
    __slots__ = ("datasets", "next_page_token")
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    datasets: _containers.RepeatedCompositeFieldContainer[Dataset]
    next_page_token: str
    def __init__(self, datasets: _Optional[_Iterable[_Union[Dataset, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteDatasetRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class UploadWindowsRequest(_message.Message):
    __slots__ = ("header", "batch")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    header: UploadHeader
    batch: WindowBatch
    def __init__(self, header: _Optional[_Union[UploadHeader, _Mapping]] = ..., batch: _Optional[_Union[WindowBatch, _Mapping]] = ...) -> None: ...

class UploadHeader(_message.Message):
    __slots__ = ("dataset", "upload_id", "window_count", "sensor")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COUNT_FIELD_NUMBER: _ClassVar[int]
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    upload_id: str
    window_count: int
    sensor: _spec_pb2.SensorSpec
    def __init__(self, dataset: _Optional[str] = ..., upload_id: _Optional[str] = ..., window_count: _Optional[int] = ..., sensor: _Optional[_Union[_spec_pb2.SensorSpec, _Mapping]] = ...) -> None: ...

class WindowBatch(_message.Message):
    __slots__ = ("offset", "values", "labels", "targets")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    offset: int
    values: bytes
    labels: _containers.RepeatedScalarFieldContainer[int]
    targets: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, offset: _Optional[int] = ..., values: _Optional[bytes] = ..., labels: _Optional[_Iterable[int]] = ..., targets: _Optional[_Iterable[float]] = ...) -> None: ...

class Upload(_message.Message):
    __slots__ = ("name", "state", "committed_count", "window_count", "sha256")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Upload.State]
        RECEIVING: _ClassVar[Upload.State]
        COMPLETE: _ClassVar[Upload.State]
    STATE_UNSPECIFIED: Upload.State
    RECEIVING: Upload.State
    COMPLETE: Upload.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COUNT_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: Upload.State
    committed_count: int
    window_count: int
    sha256: str
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[Upload.State, str]] = ..., committed_count: _Optional[int] = ..., window_count: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...

class GetUploadRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class UploadStatisticsRequest(_message.Message):
    __slots__ = ("dataset", "statistics", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    statistics: _spec_pb2.ChannelStatistics
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., statistics: _Optional[_Union[_spec_pb2.ChannelStatistics, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...
