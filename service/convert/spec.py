"""Sensors, tasks and statistics."""

from collections.abc import Iterable

from service.convert.common import within
from slipway.errors import Refused
from slipway.spec import Channel, SensorSpec, TaskSpec
from slipway.statistics import ChannelStatistics
from slipway.v1 import spec_pb2


def sensor_from(message: spec_pb2.SensorSpec, field: str) -> SensorSpec:
    """Read a sensor; ``field`` is where it stands in the request, without its own name.

    Raises:
        Refused: SPEC_INVALID.
    """
    with within(field):
        return SensorSpec(channels_from(message.channels), message.rate_hz, message.window_length)


def channels_from(messages: Iterable[spec_pb2.Channel], field: str = "") -> tuple[Channel, ...]:
    """Read the columns of a window, or the outputs of a regression that stand at ``field``.

    Raises:
        Refused: SPEC_INVALID.
    """
    try:
        return tuple(Channel(each.name, each.unit) for each in messages)
    except Refused as refused:
        if not field:
            raise
        part = refused.field.rpartition(".")[2]
        raise Refused(refused.reason, field=f"{field}.outputs.{part}", **refused.details) from None


def channels_to(channels: Iterable[Channel]) -> list[spec_pb2.Channel]:
    """Write columns or outputs."""
    return [spec_pb2.Channel(name=each.name, unit=each.unit) for each in channels]


def sensor_to(sensor: SensorSpec) -> spec_pb2.SensorSpec:
    """Write a sensor."""
    channels = channels_to(sensor.channels)
    return spec_pb2.SensorSpec(channels=channels, rate_hz=sensor.rate_hz, window_length=sensor.window_length)


def task_to(task: TaskSpec) -> spec_pb2.TaskSpec:
    """Write a task."""
    return spec_pb2.TaskSpec(
        name=task.name, sensor=sensor_to(task.sensor), classes=task.classes, outputs=channels_to(task.outputs)
    )


def task_from(message: spec_pb2.TaskSpec, field: str) -> TaskSpec:
    """Read a task; ``field`` is where it stands in the request, without its own name.

    Raises:
        Refused: SPEC_INVALID.
    """
    sensor = sensor_from(message.sensor, f"{field}.task")
    outputs = channels_from(message.outputs, f"{field}.task")
    with within(field):
        return TaskSpec(message.name, sensor, tuple(message.classes), outputs)


def statistics_from(message: spec_pb2.ChannelStatistics) -> ChannelStatistics:
    """Read statistics, unchecked: the sensor is needed for that."""
    return ChannelStatistics(message.count, tuple(message.mean), tuple(message.sum_squared_deviation))


def statistics_to(statistics: ChannelStatistics) -> spec_pb2.ChannelStatistics:
    """Write statistics."""
    return spec_pb2.ChannelStatistics(
        count=statistics.count, mean=statistics.mean, sum_squared_deviation=statistics.sum_squared_deviation
    )
