"""Which parts of a Gymnasium environment's observation are sensors: from an observation to a reading (channels,)."""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Dict

from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec

Parts = Sequence[str] | Sequence[int] | slice | None
Reading = npt.NDArray[np.float32]  # (channels,)


def reader(space: gymnasium.Space[Any], parts: Parts, sensor: SensorSpec) -> Callable[[Any], Reading]:
    """observation → reading (channels,) float32, in the order of ``parts``.

    Args:
        space: the environment's observation space: a Box, or a Dict of them.
        parts: keys of a Dict, or numbers or a slice of a flattened Box; None means all of it.
        sensor: what the reading is; its channels are counted against the parts.

    Raises:
        Refused: FIELD_INVALID naming ``observe``: an unknown part, one that holds no floating-point numbers, or as many
            numbers as the sensor has no channels. The returned function: an observation outside its space, or one that
            is not finite.
    """
    flatten, count = _of_dict(space, parts) if isinstance(space, Dict) else _of_box(space, parts)
    channels = [channel.name for channel in sensor.channels]
    if count != len(channels):
        problem = f"the sensor has {len(channels)} channels"
        refuse("observe", problem, f"parts of {count} numbers", "Name other parts, or one channel for each number.")

    def read(observation: Any) -> Reading:
        reading = _flattened(flatten, observation, space)
        finite = np.isfinite(reading)
        if not finite.all():
            channel = int(np.argmin(finite))
            problem = f"channel {channels[channel]} must be finite"
            refuse("observe", problem, reading[channel], "Bound the state of the environment.")
        if not space.contains(observation):
            found = f"{np.array2string(reading, threshold=8)} outside {space}"
            refuse("observe", "every observation must lie in the observation space", found, "Correct the space.")
        return reading

    return read


def _flattened(flatten: Callable[[Any], npt.NDArray[Any]], observation: Any, space: gymnasium.Space[Any]) -> Reading:
    try:
        return np.asarray(flatten(observation), np.float32)
    except (KeyError, IndexError, TypeError, ValueError):
        problem = "every observation must lie in the observation space"
        refuse("observe", problem, f"{type(observation).__name__} outside {space}", "Return what the space promises.")
        raise AssertionError from None


def _of_dict(space: Dict, parts: Parts) -> tuple[Callable[[Any], npt.NDArray[Any]], int]:
    known = ", ".join(space.spaces)
    if isinstance(parts, slice):
        refuse("observe", "a Dict has parts by key", parts, f"Name some of {known}.")
    keys: list[Any] = list(space.spaces) if parts is None else list(parts)  # type: ignore[arg-type]
    for key in keys:
        if key not in space.spaces:
            refuse("observe", "is no part of the observation", repr(key), f"Name some of {known}.")
        _check_box(space[key], repr(key))
    count = sum(int(np.prod(space[key].shape or ())) for key in keys)
    return lambda observation: np.concatenate([np.ravel(observation[key]) for key in keys]), count


def _of_box(space: gymnasium.Space[Any], parts: Parts) -> tuple[Callable[[Any], npt.NDArray[Any]], int]:
    _check_box(space, "the observation")
    numbers = np.arange(int(np.prod(space.shape or ())))
    if isinstance(parts, slice) or parts is None:
        chosen = numbers[slice(None) if parts is None else parts]
    else:
        for part in parts:
            if not isinstance(part, int) or not 0 <= part < len(numbers):
                remedy = f"Use whole numbers from 0 to {len(numbers) - 1}."
                refuse("observe", "is no part of the observation", repr(part), remedy)
        chosen = np.asarray(parts, np.intp)
    return lambda observation: np.ravel(observation)[chosen], len(chosen)


def _check_box(space: gymnasium.Space[Any], what: str) -> None:
    if not isinstance(space, Box) or not np.issubdtype(space.dtype, np.floating):
        remedy = "Name parts that are boxes of floating-point numbers, or wrap the environment to return them."
        refuse("observe", f"{what} must be a Box of floating-point numbers", space, remedy)


def refuse(field: str, problem: str, found: object, remedy: str) -> None:
    """Raise FIELD_INVALID."""
    raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
