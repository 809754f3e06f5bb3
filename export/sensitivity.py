"""Which range suits each tensor: the one that moves the logits least when this tensor alone is rounded to bytes."""

from collections.abc import Mapping, Sequence

import numpy as np

from export import steps as s
from export.folding import split
from export.integer import Grid
from export.linear import Summing
from export.ranges import Clip, grid, span
from export.steps import Floats, Steps

WINDOW_LIMIT = 512


def clips_by_tensor(steps: Steps, values: Floats, clips: Sequence[Clip]) -> Mapping[str, Clip]:
    """The best of ``clips`` for each quantized tensor, by the name of its step; ``entry`` is the input.

    Args:
        steps: a folded model.
        values: windows (batch, time, channels); the ranges are those of all, an even spread of ``WINDOW_LIMIT`` of them
            judges.
        clips: see ``ranges.span``.
    """
    front, back = split(steps)
    exact = [s.run(front, values)]
    for step in back:
        exact.append(s.apply(step, exact[-1]))
    every = -(-len(values) // WINDOW_LIMIT)
    wanted = exact[-1][::every]
    found = {"entry": _best(exact[0], every, back, wanted, clips)}
    for index, step in enumerate(back[:-1]):
        if isinstance(step, Summing):
            found[step.name] = _best(exact[index + 1], every, back[index + 1 :], wanted, clips)
    return found


def _best(values: Floats, every: int, rest: Steps, wanted: Floats, clips: Sequence[Clip]) -> Clip:
    def error(clip: Clip) -> float:
        return float(np.square(s.run(rest, _rounded(values[::every], grid(*span(values, clip)))) - wanted).mean())

    return min(clips, key=error)


def _rounded(values: Floats, target: Grid) -> Floats:
    return target.real(target.quantize(values))
