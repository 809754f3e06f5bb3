"""From messages to plain values and back: the only place of the client that walks protobuf."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2

from slipway.client import values
from slipway.spec import Channel, SensorSpec, TaskSpec
from slipway.statistics import ChannelStatistics
from slipway.transport import refusal_of
from slipway.v1 import spec_pb2

RECORDS: dict[str, type] = {
    f"slipway.v1.{record.__name__}": record
    for record in (
        ChannelStatistics,
        values.Dataset,
        values.Upload,
        values.Progress,
        values.Evidence,
        values.Decision,
        values.OutputEvaluation,
        values.Marginal,
        values.Reach,
        values.Identification,
        values.DeviceResult,
        values.Fitting,
        values.JobResult,
        values.Model,
        values.DataReference,
        values.Lineage,
        values.Artifact,
        values.Version,
        values.ChannelMove,
        values.ModelChannel,
    )
}


MEASURED = ("accuracy", "int8_accuracy")  # of a FitCandidate, where it was


def to_value(message: Message) -> Any:
    """The plain value of a message: its record, or a dict of its fields where it has none."""
    kind = message.DESCRIPTOR.full_name
    if kind in BUILDERS:
        return BUILDERS[kind](message)
    if kind in RECORDS:
        record = RECORDS[kind]
        return record(**{field.name: _field(message, field.name) for field in fields(record)})
    return {field.name: _field(message, field.name) for field in message.DESCRIPTOR.fields}


def sensor_message(sensor: SensorSpec) -> spec_pb2.SensorSpec:
    """A sensor as the API sends it."""
    channels = channel_messages(sensor.channels)
    return spec_pb2.SensorSpec(channels=channels, rate_hz=sensor.rate_hz, window_length=sensor.window_length)


def channel_messages(channels: Iterable[Channel]) -> list[spec_pb2.Channel]:
    """Columns or outputs as the API sends them."""
    return [spec_pb2.Channel(name=channel.name, unit=channel.unit) for channel in channels]


def _field(message: Message, name: str) -> Any:
    field = message.DESCRIPTOR.fields_by_name[name]
    value = getattr(message, name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return tuple(to_value(item) if field.message_type else item for item in value)
    if field.message_type is not None:
        return to_value(value) if message.HasField(name) else None
    return _scalar(field, value)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _scalar(field: Any, value: Any) -> Any:
    return field.enum_type.values_by_number[value].name if field.enum_type else value


def _sensor(message: Any) -> SensorSpec:
    return SensorSpec(tuple(map(_channel, message.channels)), message.rate_hz, message.window_length)


def _channel(message: Any) -> Channel:
    return Channel(message.name, message.unit)


def _task(message: Any) -> TaskSpec:
    outputs = tuple(map(_channel, message.outputs))
    return TaskSpec(message.name, _sensor(message.sensor), tuple(message.classes), outputs)


def _evaluation(message: Any) -> values.Evaluation:
    flat, count = tuple(message.confusion), len(message.classes)
    rows = tuple(flat[start : start + count] for start in range(0, len(flat), count)) if count else ()
    outputs = tuple(map(to_value, message.outputs))
    classes = tuple(message.classes)
    return values.Evaluation(message.accuracy, message.macro_f1, rows, classes, message.window_count, outputs)


def _candidate(message: Any) -> values.FitCandidate:
    measured = {name: getattr(message, name) if message.HasField(name) else None for name in MEASURED}
    same = {field.name: _field(message, field.name) for field in fields(values.FitCandidate)}
    return values.FitCandidate(**{**same, **measured})


def _failure(message: Any) -> values.Failure:
    assert isinstance(message, status_pb2.Status)
    refusal = refusal_of(message, code_pb2.Code.Name(message.code))
    return values.Failure(refusal.code, refusal.reason, refusal.message, refusal.remedy)


def _job(message: Any) -> values.Job:
    kind = message.WhichOneof("spec") or ""
    same = (field.name for field in fields(values.Job) if field.name not in ("kind", "spec"))
    spec = to_value(getattr(message, kind)) if kind else {}
    return values.Job(kind=kind, spec=spec, **{name: _field(message, name) for name in same})


def _time(message: Any) -> datetime:
    return datetime.fromtimestamp(message.seconds, UTC).replace(microsecond=message.nanos // 1000)


BUILDERS: dict[str, Callable[[Any], Any]] = {
    "slipway.v1.Channel": _channel,
    "slipway.v1.SensorSpec": _sensor,
    "slipway.v1.TaskSpec": _task,
    "slipway.v1.Evaluation": _evaluation,
    "slipway.v1.AdaptOptions": lambda message: {field.name: _plain(value) for field, value in message.ListFields()},
    "slipway.v1.FitCandidate": _candidate,
    "slipway.v1.Curriculum": lambda message: {field.name: value for field, value in message.ListFields()},
    "slipway.v1.Job": _job,
    "google.rpc.Status": _failure,
    "google.protobuf.Timestamp": _time,
    "google.protobuf.Struct": MessageToDict,
}
