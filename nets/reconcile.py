"""Windows of one sensor as another would have given them: channels, units, rate and length.

A source and a target that measure the same things seldom agree on which channels they have, in which order and unit,
and how often they sample. Nothing is invented unasked: a channel that was not measured is refused unless a value to put
in its place is named.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nets.layers import Normalize
from nets.model import Model
from nets.resampling import resample, resampled_count, same_rate
from nets.units import conversion
from slipway.errors import Reason, Refused
from slipway.spec import Channel, SensorSpec
from slipway.windows import Answers, Values, check_values


@dataclass(frozen=True)
class Reconciled:
    """Windows as the wanted sensor gives them, and what was done.

    Args:
        values: (windows, time, channels) of the wanted sensor.
        rows: (windows,), which of the given windows each was cut from.
        steps: one sentence for each thing that was done; empty when the two sensors are equal.
    """

    values: Values
    rows: npt.NDArray[np.int64]
    steps: tuple[str, ...]

    def answers(self, given: Answers) -> Answers:
        """The answers (windows, …) of these windows, from those of the given ones."""
        return given[self.rows]


def reconcile(
    values: npt.ArrayLike,
    given: SensorSpec,
    wanted: SensorSpec,
    *,
    fill: Mapping[str, float] | None = None,
    hop: int | None = None,
) -> Reconciled:
    """Bring windows of the sensor ``given`` into the form of ``wanted``.

    Args:
        values: (count, time, channels) as ``given`` describes them.
        given: what measured them.
        wanted: what they should look like.
        fill: constants, in the wanted units, for channels that were not measured, by name; see ``input_means``.
        hop: samples, at the wanted rate, from one window cut out of a longer one to the next. Without one each
            window gives one, its last, which is the one whose last sample a regression's answer belongs to.

    Returns:
        Windows, where they come from, and a report.

    Raises:
        Refused: FIELD_INVALID: a channel is missing, units measure different things, or windows are too short;
            WINDOW_SHAPE_MISMATCH or SAMPLE_NOT_FINITE: the windows are not those of ``given``.
    """
    array = check_values(values, given)
    if hop is not None and hop < 1:
        raise _refused("hop", "needs 1 sample or more", hop, "Name the samples between two windows.")
    length = _length_at(given, wanted)
    if length < wanted.window_length:
        raise _refused(
            "sensor.window_length",
            f"windows of {given.window_length / given.rate_hz:g} s cannot give "
            f"{wanted.window_length / wanted.rate_hz:g} s",
            f"{length} of {wanted.window_length} samples at {wanted.rate_hz:g} Hz",
            "Cut the recording into longer windows, or give it whole as one window.",
        )
    columns, steps = _channels(array, given, wanted, fill or {})
    if given.window_length > 1 and not same_rate(given.rate_hz, wanted.rate_hz):
        columns = resample(columns, given.rate_hz, wanted.rate_hz)
        steps.append(f"rate: {given.rate_hz:g} Hz became {wanted.rate_hz:g} Hz")
    made, rows = _cut(columns, wanted.window_length, hop)
    if length != wanted.window_length:
        steps.append(f"windows: {wanted.window_length} of {length} samples, {len(made)} from {len(array)}")
    return Reconciled(np.ascontiguousarray(made, np.float32), rows, tuple(steps))


def input_means(model: Model) -> dict[str, float]:
    """Mean of each channel in the windows a model was learned from, by name: what to fill a missing channel with.

    Raises:
        Refused: FIELD_INVALID: the model does not begin by scaling its channels, so it does not know their means.
    """
    if not isinstance(model.layers[0], Normalize):
        kind = type(model.layers[0]).__name__
        raise _refused("model", "does not begin with its channels' statistics", kind, "Name the values to fill with.")
    channels = model.task.sensor.channels
    return {channel.name: float(mean) for channel, mean in zip(channels, model.arrays["0.mean"], strict=True)}


def _length_at(given: SensorSpec, wanted: SensorSpec) -> int:
    if given.window_length == 1:  # a single reading has no rate
        return 1
    return resampled_count(given.window_length, given.rate_hz, wanted.rate_hz)


def _channels(
    values: Values, given: SensorSpec, wanted: SensorSpec, fill: Mapping[str, float]
) -> tuple[Values, list[str]]:
    """The wanted channels, in order and unit; and what that took."""
    measured = {channel.name: (index, channel) for index, channel in enumerate(given.channels)}
    _check_fill(fill, measured, wanted)
    columns, steps = [], []
    for channel in wanted.channels:
        if channel.name in measured:
            index, found = measured[channel.name]
            line = conversion(found.unit, channel.unit, f"channels.{channel.name}")
            columns.append(values[:, :, index] * np.float64(line.factor) + line.shift)
            steps += [] if found.unit == channel.unit else [_told(found, channel, line.factor, line.shift)]
        else:
            columns.append(np.full(values.shape[:2], fill[channel.name]))
            steps.append(f"{channel.name}: not measured, filled with {fill[channel.name]:g} {channel.unit}")
    unused = [channel.name for channel in given.channels if channel.name not in {c.name for c in wanted.channels}]
    steps += [f"left out: {', '.join(unused)}"] if unused else []
    kept = [channel.name for channel in wanted.channels if channel.name in measured]
    steps += ["channels: put in another order"] if kept != [name for name in measured if name in kept] else []
    return np.stack(columns, -1).astype(np.float32), steps


def _check_fill(fill: Mapping[str, float], measured: Mapping[str, object], wanted: SensorSpec) -> None:
    names = [channel.name for channel in wanted.channels]
    missing = [name for name in names if name not in measured and name not in fill]
    if missing:
        raise _refused(
            f"channels.{missing[0]}",
            "was not measured" if len(missing) == 1 else f"was not measured, nor were {', '.join(missing[1:])}",
            ", ".join(measured),
            "Rename the channel that means it, or allow a constant in its place with fill.",
        )
    for name in fill:
        if name in names and not np.isfinite(fill[name]):
            raise _refused(f"fill.{name}", "needs a finite number", fill[name], "Name the channel's mean.")


def _told(found: Channel, wanted: Channel, factor: float, shift: float) -> str:
    added = f" plus {shift:g}" if shift else ""
    return f"{found.name}: {found.unit} became {wanted.unit}, times {factor:.6g}{added}"


def _cut(values: Values, length: int, hop: int | None) -> tuple[Values, npt.NDArray[np.int64]]:
    """Windows of ``length`` samples, the last one at the end of each given window, and where they come from."""
    last = values.shape[1] - length
    starts = np.arange(last, -1, -(hop or last + 1))[::-1]
    made = values[:, starts[:, None] + np.arange(length)]
    return made.reshape(-1, length, values.shape[2]), np.repeat(np.arange(len(values)), len(starts))


def _refused(field: str, problem: str, found: object, remedy: str) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
