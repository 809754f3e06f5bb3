"""A sensor's fault in plain words."""

import numpy as np
import numpy.typing as npt

from adapters.sensor.fault import Fault, fault_of, groups
from nets.front import vectors_of
from nets.layers import Correct
from nets.model import Model
from slipway.spec import SensorSpec

SOUND = "no sensor fault found"
UNCLEAR = "a correction that no single fault of the sensor explains"

# Under these nobody would call it a fault.
LEAST_ANGLE_RAD = np.deg2rad(3)
LEAST_GAIN = 0.02
LEAST_BIAS = 0.02  # deviations
LEAST_LAG = 0.1  # samples
ALONG_AXIS = np.cos(np.deg2rad(10))


def diagnosis(fault: Fault, sensor: SensorSpec, deviation: npt.ArrayLike | None = None) -> tuple[str, ...]:
    """What is wrong with the sensor, a sentence for each finding, the one that matters most first.

    What matters is how far a finding moves the readings, in deviations of the channel: an angle's sine, a gain's and a
    bias's difference; a lag's difference is taken for a signal that turns once in sixteen samples.

    Args:
        fault: as ``adapters.sensor.estimate.estimate`` gives it.
        sensor: names and units of its channels, and its rate.
        deviation: (channels,), of the channels at home, in their units; 1 when None.

    Returns:
        ``("no sensor fault found",)`` where there is none.
    """
    scale = np.ones(len(fault.gain)) if deviation is None else np.asarray(deviation, np.float64)
    found = [*_turned(fault), *_gains(fault, sensor), *_biases(fault, sensor, scale), *_lags(fault, sensor)]
    found.sort(key=lambda row: -row[0])
    return tuple(words for _, words in found) or (SOUND,)


def diagnosis_of(model: Model) -> tuple[str, ...]:
    """``diagnosis`` of the correction in front of ``model``, however it was found."""
    if not isinstance(model.layers[0], Correct):
        return (SOUND,)
    sensor, arrays = model.task.sensor, model.arrays
    fault = fault_of(arrays["0.matrix"], arrays["0.offset"], arrays["0.delay"], sensor)
    deviation = arrays.get("1.deviation")
    if deviation is not None and len(deviation) != len(sensor.channels):
        deviation = None
    return (UNCLEAR,) if fault is None else diagnosis(fault, sensor, deviation)


def _turned(fault: Fault) -> list[tuple[float, str]]:
    angle = float(np.linalg.norm(fault.rotation_rad))
    if angle < LEAST_ANGLE_RAD:
        return []
    axis = fault.rotation_rad / angle
    main = int(np.abs(axis).argmax())
    if abs(axis[main]) >= ALONG_AXIS:
        angle_deg, about = np.rad2deg(angle) * np.sign(axis[main]), "xyz"[main]
        # A half turn is the same in both directions.
        angle_deg = abs(angle_deg) if round(abs(angle_deg)) == 180 else angle_deg
    else:
        angle_deg, about = np.rad2deg(angle), f"the axis ({axis[0]:.2f}, {axis[1]:.2f}, {axis[2]:.2f})"
    return [(2 * float(np.sin(angle / 2)), f"mounted rotated by {angle_deg:.0f}° about {about}")]


def _gains(fault: Fault, sensor: SensorSpec) -> list[tuple[float, str]]:
    found = []
    for channel, gain in zip(sensor.channels, fault.gain, strict=True):
        if abs(gain - 1) >= LEAST_GAIN:
            share, side = abs(gain - 1) * 100, "high" if gain > 1 else "low"
            words = f"{share:.0f} % {side}" if gain < 2 else f"{gain:.2g} times too {side}"
            found.append((abs(float(np.log(gain))), f"channel {channel.name} reads {words}"))
    return found


def _biases(fault: Fault, sensor: SensorSpec, scale: npt.NDArray[np.float64]) -> list[tuple[float, str]]:
    found = []
    for channel, bias, unit in zip(sensor.channels, fault.bias, scale, strict=True):
        if abs(bias) >= LEAST_BIAS * unit:
            measure = "" if channel.unit == "1" else f" {channel.unit}"
            side = "much" if bias > 0 else "little"
            words = f"channel {channel.name} reads {abs(bias):.3g}{measure} too {side}"
            found.append((abs(float(bias / unit)), words))
    return found


def _lags(fault: Fault, sensor: SensorSpec) -> list[tuple[float, str]]:
    first, *others = groups(sensor)
    found = []
    for group in others:
        samples = float(fault.lag[group[0]] - fault.lag[first[0]])
        if abs(samples) < LEAST_LAG:
            continue
        late, early = (group, first) if samples > 0 else (first, group)
        millis = abs(samples) / sensor.rate_hz * 1000
        words = f"{_name(late, sensor)} lags {_name(early, sensor)} by {millis:.3g} ms"
        found.append((2 * np.sin(np.pi * min(abs(samples) / 16, 0.5)), words))
    return found


def _name(group: tuple[int, ...], sensor: SensorSpec) -> str:
    """``acc`` for acc_x, acc_y, acc_z; a lone channel's own name; several by the first and the last."""
    names = [sensor.channels[index].name for index in group]
    if tuple(group) in vectors_of(sensor):
        at = next(i for i, letters in enumerate(zip(*names, strict=True)) if len(set(letters)) > 1)
        stem = names[0][:at] + names[0][at + 1 :]
        return stem.strip("_- ") or names[0]
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
