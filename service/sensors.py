"""Whether two sensors deliver the same kind of windows."""

from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec


def check_alike(found: SensorSpec, expected: SensorSpec, field: str, whose: str) -> None:
    """Refuse a sensor whose windows mean something else. Names of channels may differ, as devices name them freely.

    Args:
        found: what a job names.
        expected: what it must be.
        field: of the job.
        whose: whose sensor ``expected`` is, for the words: "model", "world".

    Raises:
        Refused: WINDOW_SHAPE_MISMATCH, RATE_MISMATCH, or FIELD_INVALID for other units or the same names in another
            order.
    """
    shapes = {"found": found.window_shape, "expected": expected.window_shape}
    if found.window_shape != expected.window_shape:
        raise Refused(Reason.WINDOW_SHAPE_MISMATCH, field=field, **shapes)
    if found.rate_hz != expected.rate_hz:
        raise Refused(Reason.RATE_MISMATCH, field=field, found=found.rate_hz, expected=expected.rate_hz)
    if _units(found) != _units(expected):
        remedy = f"Convert the windows, or describe the sensor in the {whose}'s units."
        problem = f"its channels are not in the {whose}'s units {_units(expected)}"
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=_units(found), remedy=remedy)
    names, known = _names(found), _names(expected)
    if names != known and sorted(names) == sorted(known):
        remedy = f"Put the channels into the {whose}'s order."
        problem = f"its channels are in another order than the {whose}'s {known}"
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=names, remedy=remedy)


def _units(sensor: SensorSpec) -> tuple[str, ...]:
    return tuple(channel.unit for channel in sensor.channels)


def _names(sensor: SensorSpec) -> tuple[str, ...]:
    return tuple(channel.name for channel in sensor.channels)
