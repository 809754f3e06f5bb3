"""Where an int8 net loses accuracy: what the logits lose when each tensor alone is quantized and all else is float."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from export import steps as s
from export.folding import split
from export.integer import Entry, Grid, Int8Net, Linear
from export.steps import Floats, Steps

Weighted = s.Conv | s.Dense | s.Scale

WINDOW_LIMIT = 256
_HEADER = ("tensor", "low", "high", "saturated", "signal/noise", "logit error")


@dataclass(frozen=True)
class Loss:
    """What quantizing one tensor costs.

    Args:
        tensor: the name of its step, ``entry`` for the input, ``<step>.weights`` for weights.
        low: least number its bytes can hold; of weights, the least there is.
        high: largest number its bytes can hold; of weights, the largest there is.
        saturated: share of its numbers that lie outside and are cut off.
        signal_to_noise_db: mean square of its numbers over that of their rounding errors; None where nothing is lost.
        logit_error: root mean squared difference of the logits from float when only this tensor is quantized.
    """

    tensor: str
    low: float
    high: float
    saturated: float
    signal_to_noise_db: float | None
    logit_error: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def report(steps: Steps, net: Int8Net, values: Floats) -> tuple[Loss, ...]:
    """One row for every quantized tensor of ``net``, in the order of the net.

    Args:
        steps: the folded model that ``net`` was made of.
        net: with one layer for each step behind the front.
        values: windows (batch, time, channels); an even spread of ``WINDOW_LIMIT`` is used.
    """
    front, back = split(steps)
    seen = s.run(front, values[:: -(-len(values) // WINDOW_LIMIT)])
    exact = [seen]
    for step in back:
        exact.append(s.apply(step, exact[-1]))
    rows = [_row("entry", net.entry.grid, seen, _entered(net.entry, seen), back, exact[-1])]
    for index, (step, layer) in enumerate(zip(back, net.layers, strict=True)):
        rest, copies = back[index + 1 :], net.entry.copies if index == 0 else 1
        if isinstance(layer, Linear) and isinstance(step, Weighted):
            rows.append(_weights(step, layer, copies, exact[index], rest, exact[-1]))
        target = getattr(layer, "target", None)
        if target is not None:
            made = exact[index + 1]
            rows.append(_row(layer.name, target, made, target.real(target.quantize(made)), rest, exact[-1]))
    return tuple(rows)


def table(losses: Sequence[Loss]) -> str:
    """The rows as text, one a line, under a header."""
    lines = [_HEADER] + [
        (
            row.tensor,
            f"{row.low:.4g}",
            f"{row.high:.4g}",
            f"{row.saturated:.3%}",
            "exact" if row.signal_to_noise_db is None else f"{row.signal_to_noise_db:.1f} dB",
            f"{row.logit_error:.4f}",
        )
        for row in losses
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )


def _entered(entry: Entry, values: Floats) -> Floats:
    """What the copies of the input say together: their mean."""
    column = values if values.ndim == 3 else values[:, :, None]
    real = entry.grid.real(entry.apply(column)).reshape(len(values), column.shape[1], entry.copies, -1)
    return np.asarray(real.mean(axis=2), np.float32).reshape(values.shape)


def _row(name: str, grid: Grid, exact: Floats, rounded: Floats, rest: Steps, wanted: Floats) -> Loss:
    low, high = (float((end - grid.zero) * np.float64(grid.scale)) for end in (0, 255))
    half = float(grid.scale) / 2
    outside = float(((exact < low - half) | (exact > high + half)).mean())
    return Loss(name, low, high, outside, signal_to_noise(exact, rounded), _error(s.run(rest, rounded), wanted))


def _weights(step: Weighted, layer: Linear, copies: int, entering: Floats, rest: Steps, wanted: Floats) -> Loss:
    real = layer.weights * layer.weight_scale[:, None, None]
    real = real.reshape(len(real), -1, copies, real.shape[2]).sum(axis=2)  # the copies of an input add up
    kernel, rounded = _kernels(step, np.asarray(real, np.float32))
    bare = s.apply(replace(step, relu=False), entering)
    found = s.apply(replace(rounded, relu=False), entering)
    over = tuple(axis for axis in range(bare.ndim) if axis != 1)
    found = found + (bare - found).mean(axis=over, keepdims=True)  # the calibrator's bias makes the mean good
    after = s.run(rest, np.maximum(found, 0) if step.relu else found)
    noise = signal_to_noise(kernel, real.reshape(kernel.shape))
    return Loss(f"{layer.name}.weights", float(kernel.min()), float(kernel.max()), 0.0, noise, _error(after, wanted))


def _kernels(step: Weighted, real: Floats) -> tuple[Floats, Weighted]:
    """A step's weights as the integer layer lays them out, and the step with ``real`` in their place."""
    match step:
        case s.Conv():
            return step.kernel, replace(step, kernel=real)
        case s.Dense():
            return np.ascontiguousarray(step.kernel.T)[:, :, None], replace(step, kernel=real[:, :, 0].T)
        case s.Scale():
            return step.scale.reshape(-1, 1, 1), replace(step, scale=real.reshape(step.scale.shape))


def signal_to_noise(exact: Floats, rounded: Floats) -> float | None:
    """Mean square of ``exact`` over that of the difference, in dB; None where there is no difference."""
    signal, noise = (float(np.square(part, dtype=np.float64).mean()) for part in (exact, rounded - exact))
    return None if noise == 0 else float(10 * np.log10(max(signal, np.finfo(np.float64).tiny) / noise))


def _error(found: Floats, wanted: Floats) -> float:
    return float(np.sqrt(np.mean((found - wanted) ** 2)))
