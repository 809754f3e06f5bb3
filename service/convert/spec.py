"""Sensors, tasks and statistics."""

from service.convert.common import within
from service.statistics import ChannelStatistics
from slipway.spec import Channel, SensorSpec, TaskSpec
from slipway.v1 import spec_pb2


def sensor_from(message: spec_pb2.SensorSpec, field: str) -> SensorSpec:
    """Read a sensor; ``field`` is where it stands in the request, without its own name.

    Raises:
        Refused: SPEC_INVALID.
    """
    with within(field):
        channels = tuple(Channel(each.name, each.unit) for each in message.channels)
        return SensorSpec(channels, message.rate_hz, message.window_length)


def sensor_to(sensor: SensorSpec) -> spec_pb2.SensorSpec:
    """Write a sensor."""
    channels = [spec_pb2.Channel(name=each.name, unit=each.unit) for each in sensor.channels]
    return spec_pb2.SensorSpec(channels=channels, rate_hz=sensor.rate_hz, window_length=sensor.window_length)


def task_to(task: TaskSpec) -> spec_pb2.TaskSpec:
    """Write a task."""
    return spec_pb2.TaskSpec(name=task.name, sensor=sensor_to(task.sensor), classes=task.classes)


def statistics_from(message: spec_pb2.ChannelStatistics) -> ChannelStatistics:
    """Read statistics, unchecked: the sensor is needed for that."""
    return ChannelStatistics(message.count, tuple(message.mean), tuple(message.sum_squared_deviation))


def statistics_to(statistics: ChannelStatistics) -> spec_pb2.ChannelStatistics:
    """Write statistics."""
    return spec_pb2.ChannelStatistics(
        count=statistics.count, mean=statistics.mean, sum_squared_deviation=statistics.sum_squared_deviation
    )
