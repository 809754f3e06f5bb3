"""The shared vocabulary: what a sensor measures and what a task asks of it.

Both values are immutable, print, compare and survive JSON. Units are UCUM codes (https://ucum.org).
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from slipway.errors import Reason, Refused

CHANNEL_LIMIT = 1024
WINDOW_LENGTH_LIMIT = 65_536  # samples
CLASS_LIMIT = 1024
RATE_LIMIT_HZ = 1e6
NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_LIMIT_CHARS = 64


def _need(condition: bool, field: str, problem: str, found: object) -> None:
    if not condition:
        raise Refused(Reason.SPEC_INVALID, field=field, problem=problem, found=repr(found))


def check_name(value: object, field: str) -> str:
    """Return ``value`` if it is a resource id (lower case letter, then letters, digits, ``-`` or ``_``, 63 at most).

    Raises:
        Refused: SPEC_INVALID.
    """
    _need(isinstance(value, str) and NAME.fullmatch(value) is not None, field, "needs [a-z][a-z0-9_-]{0,62}", value)
    return str(value)


def _check_text(value: object, field: str) -> str:
    fits = isinstance(value, str) and 0 < len(value) <= LABEL_LIMIT_CHARS and value.isprintable()
    _need(fits, field, f"needs 1 to {LABEL_LIMIT_CHARS} printable characters", value)
    return str(value)


@dataclass(frozen=True, slots=True)
class Channel:
    """One column of a window.

    Args:
        name: e.g. ``"range_00"``.
        unit: UCUM code, e.g. ``"m"``, ``"m/s2"``, ``"rad/s"``, ``"1"`` for a pure number.
    """

    name: str
    unit: str

    def __post_init__(self) -> None:
        _check_text(self.name, "sensor.channels.name")
        _check_text(self.unit, "sensor.channels.unit")


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """What arrives from a sensor: windows of shape (window_length, len(channels)), float32.

    Args:
        channels: in the order of the window's columns.
        rate_hz: samples a second.
        window_length: samples a window.

    Raises:
        Refused: SPEC_INVALID, with the field.
    """

    channels: tuple[Channel, ...]
    rate_hz: float
    window_length: int

    def __post_init__(self) -> None:
        count = len(self.channels)
        _need(1 <= count <= CHANNEL_LIMIT, "sensor.channels", f"needs 1 to {CHANNEL_LIMIT} channels", count)
        _need(len({c.name for c in self.channels}) == count, "sensor.channels", "names must differ", count)
        rate = self.rate_hz
        number = isinstance(rate, int | float) and not isinstance(rate, bool)
        _need(number and 0 < rate <= RATE_LIMIT_HZ, "sensor.rate_hz", f"needs over 0 to {RATE_LIMIT_HZ:g}", rate)
        length = self.window_length
        whole = isinstance(length, int) and not isinstance(length, bool)
        _need(
            whole and 1 <= length <= WINDOW_LENGTH_LIMIT,
            "sensor.window_length",
            f"needs 1 to {WINDOW_LENGTH_LIMIT} samples",
            length,
        )

    @property
    def window_shape(self) -> tuple[int, int]:
        """(time, channels)."""
        return (self.window_length, len(self.channels))


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A question asked of one window: which of ``classes`` is it, or how large are the ``outputs``?

    Args:
        name: a resource id, e.g. ``"rover"``.
        sensor: what the window is.
        classes: names, in the order of the labels 0, 1, …; empty for a regression.
        outputs: the quantities a regression estimates at a window's last sample, with units; empty for classes.

    Raises:
        Refused: SPEC_INVALID, with the field.
    """

    name: str
    sensor: SensorSpec
    classes: tuple[str, ...] = ()
    outputs: tuple[Channel, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, "task.name")
        if self.outputs:
            _need(not self.classes, "task.outputs", "a task has classes or outputs, not both", len(self.classes))
            count = len(self.outputs)
            _need(count <= CHANNEL_LIMIT, "task.outputs", f"needs at most {CHANNEL_LIMIT} outputs", count)
            _need(len({c.name for c in self.outputs}) == count, "task.outputs", "names must differ", count)
            return
        count = len(self.classes)
        _need(2 <= count <= CLASS_LIMIT, "task.classes", f"needs 2 to {CLASS_LIMIT} classes", count)
        for name in self.classes:
            _check_text(name, "task.classes")
        _need(len(set(self.classes)) == count, "task.classes", "names must differ", self.classes)

    @property
    def answer_size(self) -> int:
        """Numbers that a model answers for one window: one a class, or one an output."""
        return len(self.outputs or self.classes)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``from_json`` is its inverse. Only a regression has the key ``outputs``."""
        plain = {"name": self.name, "sensor": sensor_to_json(self.sensor)}
        if self.outputs:
            return {**plain, "outputs": [asdict(output) for output in self.outputs]}
        return {**plain, "classes": list(self.classes)}

    @staticmethod
    def from_json(value: object) -> "TaskSpec":
        """Read what ``to_json`` wrote.

        Raises:
            Refused: SPEC_INVALID, with the field.
        """
        asked = "outputs" if isinstance(value, Mapping) and "outputs" in value else "classes"
        fields = _mapping(value, "task", {"name", "sensor", asked})
        answers = _list(fields[asked], f"task.{asked}")
        sensor = sensor_from_json(fields["sensor"])
        if asked == "classes":
            return TaskSpec(fields["name"], sensor, tuple(answers))
        return TaskSpec(fields["name"], sensor, outputs=_channels(answers, "task.outputs"))


def sensor_to_json(sensor: SensorSpec) -> dict[str, Any]:
    """Plain JSON values of a sensor; ``sensor_from_json`` is its inverse."""
    return {**asdict(sensor), "channels": [asdict(channel) for channel in sensor.channels]}


def sensor_from_json(value: object) -> SensorSpec:
    """Read what ``sensor_to_json`` wrote.

    Raises:
        Refused: SPEC_INVALID, with the field.
    """
    fields = _mapping(value, "sensor", {"channels", "rate_hz", "window_length"})
    rows = _list(fields["channels"], "sensor.channels")
    return SensorSpec(_channels(rows, "sensor.channels"), fields["rate_hz"], fields["window_length"])


def _channels(rows: list[Any], field: str) -> tuple[Channel, ...]:
    found = (_mapping(row, field, {"name", "unit"}) for row in rows)
    return tuple(Channel(row["name"], row["unit"]) for row in found)


def _mapping(value: object, field: str, keys: set[str]) -> Mapping[str, Any]:
    _need(isinstance(value, Mapping), field, "needs an object", type(value).__name__)
    assert isinstance(value, Mapping)
    _need(set(value) == keys, field, f"needs exactly the keys {sorted(keys)}", sorted(map(str, value)))
    return value


def _list(value: object, field: str) -> list[Any]:
    _need(isinstance(value, list), field, "needs a list", type(value).__name__)
    assert isinstance(value, list)
    return value
