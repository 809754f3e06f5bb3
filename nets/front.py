"""Which front a net has: what it does to raw windows before it learns anything, chosen by name from the sensor."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nets.layers import Correct, GravityFrame, Layers, LogMel, Normalize, Spectrum, VectorNorms, moved
from nets.model import Model
from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec, TaskSpec

SOUND_RATE_HZ = 4000.0  # a single channel sampled at least so fast is sound
FRAME_S, HOP_S = 0.032, 0.016
BANDS = 40
LOW_HZ, HIGH_SHARE = 60.0, 0.475  # of the bands, the end as a share of the rate
SILENCE = 1e-3  # 30 dB under a window's mean power
FRAME_BOUNDS = (8, 256)  # samples of a spectrum's frame, a power of two; four or more frames' lengths fit a window
BIN_LIMIT = 32
QUIET = 1e-8  # power in the channel's unit squared that a spectrum takes for silence
ACCELERATIONS = ("m/s2", "[g]")  # UCUM
WITHOUT_GRAVITY = ("lin", "body", "user")  # what names of accelerations without gravity begin with or hold


def layers_for(task: TaskSpec, front: str = "auto") -> Layers:
    """The layers before the first one that learns; the last of them scales by the input statistics.

    Args:
        task: its sensor says what is possible.
        front: ``raw`` scales the channels; ``norms`` and ``gravity`` take from each vector what no mounting can change;
            ``spectral`` takes the power of every channel's frequencies; ``log_mel`` hears sound; ``auto`` is
            ``log_mel`` for sound and ``raw`` for all else.

    Raises:
        Refused: FIELD_INVALID, an unknown front or one that the sensor cannot have.
    """
    if front not in FRONTS:
        raise _refused("is not known", front, f"Use one of {', '.join(FRONTS)}.")
    return (*FRONTS[front](task.sensor), Normalize())


def is_sound(task: TaskSpec) -> bool:
    """Whether a window is a stretch of sound, so that a spectrum says more than its samples."""
    return _is_sound(task.sensor)


def vectors_of(sensor: SensorSpec) -> tuple[tuple[int, int, int], ...]:
    """Channels that are a vector's x, y and z: three of one unit whose names differ in that letter only.

    Returns:
        Indices in the order x, y, z; vectors in the order of their x.
    """
    place = {channel.name: index for index, channel in enumerate(sensor.channels)}
    found: list[tuple[int, int, int]] = []
    for channel in sensor.channels:
        for at, letter in enumerate(channel.name):
            if letter not in "xX":
                continue
            axes = "xyz" if letter == "x" else "XYZ"
            names = [channel.name[:at] + axis + channel.name[at + 1 :] for axis in axes]
            if not all(name in place for name in names):
                continue
            x, y, z = (place[name] for name in names)
            alike = {sensor.channels[index].unit for index in (x, y, z)} == {channel.unit}
            if alike and not any({x, y, z} & set(vector) for vector in found):
                found.append((x, y, z))
    return tuple(found)


def gravity_of(sensor: SensorSpec) -> int | None:
    """Which of ``vectors_of(sensor)`` feels gravity: the first acceleration not named as free of it, or None."""
    for index, (x, _, _) in enumerate(vectors_of(sensor)):
        channel = sensor.channels[x]
        if channel.unit in ACCELERATIONS and not any(word in channel.name.lower() for word in WITHOUT_GRAVITY):
            return index
    return None


def with_correction(model: Model) -> Model:
    """The same model with a ``Correct`` that changes nothing before its first layer; itself if it has one already."""
    if isinstance(model.layers[0], Correct):
        return model
    channels = len(model.task.sensor.channels)
    same = {
        "0.matrix": np.eye(channels, dtype=np.float32),
        "0.offset": np.zeros(channels, np.float32),
        "0.delay": np.zeros(channels, np.float32),
    }
    return replace(model, layers=(Correct(), *model.layers), arrays={**same, **moved(model.arrays, 1)})


def _raw(sensor: SensorSpec) -> Layers:
    return ()


def _auto(sensor: SensorSpec) -> Layers:
    return _log_mel(sensor) if _is_sound(sensor) else ()


def _norms(sensor: SensorSpec) -> Layers:
    return (VectorNorms(_vectors(sensor, "norms")),)


def _gravity(sensor: SensorSpec) -> Layers:
    vectors, felt = _vectors(sensor, "gravity"), gravity_of(sensor)
    if felt is None or sensor.window_length < 2:
        problem = "needs an acceleration with gravity, and its mean over more than one sample"
        raise _refused(problem, "gravity", f"Describe one in {' or '.join(ACCELERATIONS)}, or use another front.")
    return (GravityFrame(vectors, felt),)


def _spectral(sensor: SensorSpec) -> Layers:
    least, most = FRAME_BOUNDS
    frame = min(2 ** max(sensor.window_length // 4, 1).bit_length() // 2, most)
    if frame < least:
        raise _refused(f"needs windows of {4 * least} samples", "spectral", "Cut longer windows, or use another front.")
    return (Spectrum(frame, frame // 2, min(frame // 2, BIN_LIMIT), QUIET),)


def _log_mel(sensor: SensorSpec) -> Layers:
    if not _is_sound(sensor):
        problem = f"needs one channel of {SOUND_RATE_HZ:g} samples a second or more, and a frame of {FRAME_S:g} s"
        raise _refused(problem, "log_mel", "Use spectral for several channels or lower rates.")
    rate_hz = float(sensor.rate_hz)
    frame, hop = round(FRAME_S * rate_hz), round(HOP_S * rate_hz)
    return (LogMel(rate_hz, frame, hop, BANDS, LOW_HZ, HIGH_SHARE * rate_hz, SILENCE),)


FRONTS: dict[str, Callable[[SensorSpec], Layers]] = {
    "auto": _auto,
    "raw": _raw,
    "norms": _norms,
    "gravity": _gravity,
    "spectral": _spectral,
    "log_mel": _log_mel,
}


def _is_sound(sensor: SensorSpec) -> bool:
    time, channels = sensor.window_shape
    return channels == 1 and sensor.rate_hz >= SOUND_RATE_HZ and time >= FRAME_S * sensor.rate_hz


def _vectors(sensor: SensorSpec, front: str) -> tuple[tuple[int, int, int], ...]:
    vectors = vectors_of(sensor)
    if not vectors:
        remedy = "Name a vector's channels alike but for x, y and z, with one unit, or use another front."
        raise _refused("needs a vector among the sensor's channels", front, remedy)
    return vectors


def _refused(problem: str, front: str, remedy: str) -> Refused:
    field = "recipe.options.front"
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=repr(front), remedy=remedy)
