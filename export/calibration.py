"""Our calibrator: from steps in float and windows without labels to the int8 net that keeps their logits best.

Half of the windows fixes the grids and rounds the weights; the other half chooses how far the ranges are clipped and
how many copies of the input the first layer reads; the choice is then fitted to all. Nothing here looks at a label.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from export import integer
from export import steps as s
from export.folding import split
from export.front_steps import Spectrum
from export.integer import Bytes, Entry, Grid, Int8Net, Linear
from export.rounding import round_weights, weight_scale
from export.steps import Floats, Steps
from slipway.errors import Reason, Refused

CLIPS = (0.0, 0.01, 0.1)  # percent of the numbers left out of a range, at each end; 0 is min-max
COPIES = (1, 2, 4, 8)
AGREEMENT_GOAL = 0.998  # no more copies once this share of decisions is kept: at most 0.2 points of accuracy are lost
WINDOW_LIMIT = 4096
SAMPLE_LIMIT = 65_536  # samples in time over all windows used
ROW_LIMIT = 16_384  # rows that weights are rounded over
Summing = s.Conv | s.Dense | s.Scale | s.Average  # what rounds its result to a new grid
_SPREAD_FLOOR = 1e-6  # no range is narrower, so that a constant tensor has a scale
_SCALE_FLOOR = 1e-12
_BIAS_UNITS = 2.0**24  # a bias needs no more units than float32 can tell apart


@dataclass(frozen=True)
class Calibration:
    """An int8 net and what was chosen for it.

    Args:
        ranges: (low, high) in float of each quantized tensor, by the name of its step; ``entry`` is the input.
        clip: percent left out at each end of a range.
        error: root mean squared difference of the logits on the windows kept apart.
        agreement: share of those windows with the same decision.
    """

    net: Int8Net
    ranges: dict[str, tuple[float, float]]
    clip: float
    error: float = float("nan")
    agreement: float = float("nan")


def calibrate(
    steps: Steps, values: Floats, *, clips: Sequence[float] = CLIPS, copies: Sequence[int] = COPIES
) -> Calibration:
    """Choose the int8 net that keeps the logits of ``steps`` best.

    Args:
        steps: a folded model.
        values: windows (batch, time, channels) from where the model will serve, without labels; an even spread of
            them is used, at most ``WINDOW_LIMIT`` windows and ``SAMPLE_LIMIT`` samples.
        clips: percentages to try; the least logit error wins.
        copies: input copies to try, ascending; the first that reaches ``AGREEMENT_GOAL`` wins, else the most faithful.

    Raises:
        Refused: FIELD_REQUIRED without windows, ACCUMULATOR_OVERFLOW.
    """
    if len(values) == 0:
        raise Refused(Reason.FIELD_REQUIRED, field="calibration_values")
    fitting, judging = _halves(values, _length(steps, values.shape[1]))
    wanted = s.run(steps, judging)

    def judged(clip: float, count: int) -> Calibration:
        found = quantize(steps, fitting, clip=clip, copies=count)
        got = integer.logits(found.net, judging)
        error = float(np.sqrt(np.mean((got - wanted) ** 2)))
        return replace(found, error=error, agreement=float((got.argmax(1) == wanted.argmax(1)).mean()))

    best = min((judged(clip, copies[0]) for clip in clips), key=_error)
    for count in copies[1:] if can_copy(steps) else ():
        if best.agreement >= AGREEMENT_GOAL:
            break
        best = min(best, judged(best.clip, count), key=_error)
    final = quantize(steps, np.concatenate([fitting, judging]), clip=best.clip, copies=best.net.entry.copies)
    return replace(final, error=best.error, agreement=best.agreement)


def quantize(steps: Steps, values: Floats, *, clip: float = 0.0, copies: int = 1) -> Calibration:
    """The int8 net for one choice of clipping and input copies; see ``calibrate``.

    Raises:
        Refused: ACCUMULATOR_OVERFLOW.
    """
    front, back = split(steps)
    exact = s.run(front, values)
    entered = integer.enter((), exact)
    ranges = {"entry": span(entered, clip)}
    entry = Entry(grid(*ranges["entry"], margin_steps=0.5 if copies > 1 else 0), copies)
    seen, source = entry.apply(entered), entry.grid
    leaves: Grid | None = source
    layers: list[integer.Layer] = []
    for index, step in enumerate(back):
        if isinstance(step, Summing):
            raw = s.apply(replace(step, relu=False), exact)
            exact = np.maximum(raw, 0) if step.relu else raw
            ranges[step.name] = span(exact, clip)
            ends = index == len(back) - 1 and not step.relu
            leaves = None if ends else grid(*ranges[step.name])
            layers.append(_layer(step, copies if index == 0 else 1, source, leaves, seen, raw))
            source = leaves or source
        else:
            assert isinstance(step, s.MaxPool | s.Flatten | s.Transpose), "fold leaves all others in front only"
            exact = s.apply(step, exact)
            layers.append(step)
        seen = integer.apply(layers[-1], seen)
    return Calibration(Int8Net(front, entry, tuple(layers), leaves), ranges, clip)


def span(values: Floats, clip: float) -> tuple[float, float]:
    """(low, high) of a tensor without the ``clip`` percent of its numbers at each end."""
    low, high = np.percentile(values, [clip, 100 - clip]) if clip else (values.min(), values.max())
    return float(low), float(high)


def grid(low: float, high: float, margin_steps: float = 0) -> Grid:
    """The bytes that cover ``low`` to ``high`` and, exactly, zero; a degenerate range still has a scale."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32(max(high - low, _SPREAD_FLOOR) / (255 - 2 * margin_steps))
    return Grid(scale, int(np.clip(np.rint(margin_steps - low / scale), 0, 255)))


def _length(steps: Steps, time: int) -> int:
    """Samples a window that reach the int8 net: the frames of a spectrum, else those of the window."""
    spectrum = next((step for step in steps if isinstance(step, s.LogMel | Spectrum)), None)
    return time if spectrum is None else (time - spectrum.waves.shape[2]) // spectrum.hop + 1


def _halves(values: Floats, length: int) -> tuple[Floats, Floats]:
    most = max(2, min(WINDOW_LIMIT, SAMPLE_LIMIT // length))
    kept = values[:: -(-len(values) // most)]
    return kept[::2], kept[1::2] if len(kept) > 1 else kept


def _error(found: Calibration) -> float:
    return found.error


def can_copy(steps: Steps) -> bool:
    """Whether the first integer layer has weights, and so can read its input more than once."""
    back = split(steps)[1]
    return bool(back) and isinstance(back[0], s.Conv | s.Dense)


def _layer(step: Summing, copies: int, source: Grid, target: Grid | None, seen: Bytes, wanted: Floats) -> integer.Layer:
    if isinstance(step, s.Average):
        return integer.Mean(step.name, step.length, source, target)
    return _linear(_as_conv(step, copies), source, target, seen, wanted)


def _as_conv(step: s.Conv | s.Dense | s.Scale, copies: int) -> s.Conv:
    match step:
        case s.Dense(name, kernel, bias):
            conv = s.Conv(name, kernel.T[:, :, None], bias, 1, 1, (0, 0), False)
        case s.Scale(name, scale, shift):
            conv = s.Conv(name, scale.reshape(-1, 1, 1), shift.ravel(), 1, scale.size, (0, 0), False)
        case _:
            conv = step
    return replace(conv, kernel=np.repeat(conv.kernel, copies, axis=1) / np.float32(copies))


def _linear(conv: s.Conv, source: Grid, target: Grid | None, seen: Bytes, wanted: Floats) -> Linear:
    features = len(conv.kernel)
    weights = conv.kernel.reshape(conv.groups, features // conv.groups, -1).transpose(0, 2, 1).astype(np.float64)
    floor = np.maximum(np.abs(conv.bias) / (np.float64(source.scale) * _BIAS_UNITS), _SCALE_FLOOR)
    floor = floor.reshape(conv.groups, -1)
    scale = np.stack([weight_scale(*pair) for pair in zip(weights, floor, strict=True)])
    nearest = np.rint(weights / scale[:, None]).transpose(0, 2, 1).reshape(conv.kernel.shape).astype(np.int8)
    layer = Linear(
        name=conv.name,
        weights=nearest,
        weight_scale=scale.ravel(),
        bias=np.zeros(features, np.int32),
        stride=conv.stride,
        groups=conv.groups,
        pads=conv.pads,
        circular=conv.circular,
        source=source,
        target=target,
    )
    integer.check_accumulator(conv.name, integer.reach(layer))  # before the long work
    inputs = _inputs(conv, source, seen)
    rounded = np.stack([round_weights(*group) for group in zip(weights, scale, inputs, strict=True)])
    layer = replace(layer, weights=np.ascontiguousarray(rounded.transpose(0, 2, 1)).reshape(conv.kernel.shape))
    bias = _bias(layer, seen, wanted)
    integer.check_accumulator(conv.name, integer.reach(layer) + int(np.abs(bias).max()))
    return replace(layer, bias=bias.astype(np.int32))


def _inputs(conv: s.Conv, source: Grid, seen: Bytes) -> Floats:
    padded = s.pad(seen, conv.pads, conv.circular, source.zero).astype(np.float32) - source.zero
    rows = s.patches(padded, conv.kernel.shape[2], conv.stride, conv.groups)
    return rows[:, :: -(-rows.shape[1] // ROW_LIMIT)]


def _bias(layer: Linear, seen: Bytes, wanted: Floats) -> npt.NDArray[np.int64]:
    """Bias in accumulator units: what the rounded sums lack on average (bias correction, Nagel et al. 2019)."""
    unit = integer.product(layer.source, layer.weight_scale).astype(np.float64)
    sums = integer.sums(layer, seen).mean(axis=(0, 2), dtype=np.float64)
    real = wanted.reshape(len(wanted), len(unit), -1).mean(axis=(0, 2), dtype=np.float64)
    return np.asarray(np.rint(real / unit - sums), np.int64)
