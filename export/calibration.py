"""Our calibrator: from steps in float and windows without labels to the int8 net that keeps their logits best.

Half of the windows fixes the grids and rounds the weights; the other half chooses how far the ranges are clipped and
how many copies of the input the first layer reads; the choice is then fitted to all. Nothing here looks at a label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from export import integer, losses
from export import steps as s
from export.folding import split
from export.front_steps import Spectrum
from export.integer import Entry, Grid, Int8Net
from export.linear import Summing, rounded_layer
from export.losses import Loss
from export.ranges import MSE, Clip, Range, grid, span
from export.sensitivity import clips_by_tensor
from export.steps import Floats, Steps
from slipway.errors import Reason, Refused

CLIPS: tuple[Clip, ...] = (0.0, 0.01, 0.1, MSE)  # see ``ranges.span``; 0 is min-max
COPIES = (1, 2, 4, 8)
AGREEMENT_GOAL = 0.998  # no more copies once this share of decisions is kept: at most 0.2 points of accuracy are lost
WINDOW_LIMIT = 4096
SAMPLE_LIMIT = 65_536  # samples in time over all windows used


@dataclass(frozen=True)
class Calibration:
    """An int8 net and what was chosen for it.

    Args:
        ranges: (low, high) in float of each quantized tensor, by the name of its step; ``entry`` is the input.
        clip: how the ranges were chosen: percent left out at each end, or ``ranges.MSE``; by the name of its tensor,
            where each has its own.
        error: root mean squared difference of the logits on the windows kept apart.
        agreement: share of those windows with the same decision; of a regression, R² to the float outputs.
        losses: what each quantized tensor alone costs on those windows.
    """

    net: Int8Net
    ranges: dict[str, Range]
    clip: Clip | Mapping[str, Clip]
    error: float = float("nan")
    agreement: float = float("nan")
    losses: tuple[Loss, ...] = ()


def calibrate(
    steps: Steps,
    values: Floats,
    *,
    clips: Sequence[Clip] = CLIPS,
    copies: Sequence[int] = COPIES,
    decides: bool = True,
) -> Calibration:
    """Choose the int8 net that keeps the logits of ``steps`` best.

    Args:
        steps: a folded model.
        values: windows (batch, time, channels) from where the model will serve, without labels; an even spread of
            them is used, at most ``WINDOW_LIMIT`` windows and ``SAMPLE_LIMIT`` samples.
        clips: ranges to try, see ``ranges.span``, for all tensors and each tensor's own best; the least logit error
            wins.
        copies: input copies to try, ascending; the first that reaches ``AGREEMENT_GOAL`` wins, else the most faithful.
        decides: whether the largest number is the answer; the outputs of a regression are numbers in their own right.

    Raises:
        Refused: FIELD_REQUIRED without windows, ACCUMULATOR_OVERFLOW.
    """
    if len(values) == 0:
        raise Refused(Reason.FIELD_REQUIRED, field="calibration_values")
    fitting, judging = _halves(values, _length(steps, values.shape[1]))
    wanted = s.run(steps, judging)
    agree = same_decisions if decides else same_numbers

    def judged(clip: Clip | Mapping[str, Clip], count: int) -> Calibration:
        found = quantize(steps, fitting, clip=clip, copies=count)
        got = integer.logits(found.net, judging)
        error = float(np.sqrt(np.mean((got - wanted) ** 2)))
        return replace(found, error=error, agreement=agree(got, wanted))

    each = (clips_by_tensor(steps, fitting, clips),) if len(clips) > 1 else ()
    best = min((judged(clip, copies[0]) for clip in (*clips, *each)), key=_error)
    for count in copies[1:] if can_copy(steps) else ():
        if best.agreement >= AGREEMENT_GOAL:
            break
        best = min(best, judged(best.clip, count), key=_error)
    final = quantize(steps, np.concatenate([fitting, judging]), clip=best.clip, copies=best.net.entry.copies)
    lost = losses.report(steps, final.net, judging)
    return replace(final, error=best.error, agreement=best.agreement, losses=lost)


def same_decisions(found: Floats, wanted: Floats) -> float:
    """Share of windows whose largest number is the same; both (count, classes)."""
    return float((found.argmax(1) == wanted.argmax(1)).mean())


def same_numbers(found: Floats, wanted: Floats) -> float:
    """Mean R² of ``found`` to ``wanted`` over the outputs; both (count, outputs)."""
    spread = np.maximum(wanted.var(axis=0), np.finfo(np.float32).tiny)
    return float(np.mean(1 - np.square(found - wanted).mean(axis=0) / spread))


def quantize(steps: Steps, values: Floats, *, clip: Clip | Mapping[str, Clip] = 0.0, copies: int = 1) -> Calibration:
    """The int8 net for one choice of clipping and input copies; see ``calibrate``.

    Raises:
        Refused: ACCUMULATOR_OVERFLOW.
    """
    front, back = split(steps)
    exact = integer.run_front(front, values)
    entered = integer.enter((), exact)

    def ranged(name: str, numbers: Floats) -> Range:
        return span(numbers, clip.get(name, 0.0) if isinstance(clip, Mapping) else clip)

    ranges = {"entry": ranged("entry", entered)}
    entry = Entry(grid(*ranges["entry"], margin_steps=0.5 if copies > 1 else 0), copies)
    seen, source = entry.apply(entered), entry.grid
    leaves: Grid | None = source
    layers: list[integer.Layer] = []
    for index, step in enumerate(back):
        if isinstance(step, Summing):
            raw = s.apply(replace(step, relu=False), exact)
            exact = np.maximum(raw, 0) if step.relu else raw
            ranges[step.name] = ranged(step.name, exact)
            ends = index == len(back) - 1 and not step.relu
            leaves = None if ends else grid(*ranges[step.name])
            layers.append(rounded_layer(step, copies if index == 0 else 1, source, leaves, seen, raw))
            source = leaves or source
        else:
            assert isinstance(step, s.MaxPool | s.Flatten | s.Transpose), "fold leaves all others in front only"
            exact = s.apply(step, exact)
            layers.append(step)
        seen = integer.apply(layers[-1], seen)
    return Calibration(Int8Net(front, entry, tuple(layers), leaves), ranges, clip)


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
