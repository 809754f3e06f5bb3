"""The frozen grid: an adapted model on its int8 base, with every int8 weight and every activation grid where it was.

A weight is a whole number times its feature's scale. A batch normalisation, FiLM or any other gain on a feature is
therefore a new scale, a shift is a new bias, and what corrects the sensor stands in front of the integer net in float.
What a base's calibrator corrected in a bias for its rounding stays corrected, by as many units.

The exporter is free to choose the last digits of what it writes. Gains are rounded to steps of their float32 bits and
biases to a share of a step of what they are added to, so that a delta needs a byte or two for each instead of eight.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from export import integer
from export import steps as s
from export.folding import split
from export.integer import ACCUMULATOR_LIMIT, WEIGHT_LIMIT, Grid, Int8Net, Linear, Mean
from export.steps import Floats, Steps
from slipway.errors import Reason, Refused

SCALE_STEP_BITS = 16  # low bits of a float32 that a gain leaves alone: it moves in steps of at most 1/128
BIAS_STEPS = 8  # biases move in at least so many steps a step of the target grid
PROPORTION = 1e-5  # of a feature's largest weight: float32 rounding of a product of two or three numbers
ROUNDING_SHARE = 0.1  # how far rounding moves a feature's weights along themselves at most
_TINY = np.finfo(np.float64).tiny
_BIAS_UNITS = 2.0**24  # as in ``calibration``: no bias needs more
_SMALLEST_SCALE = 2.0**-100  # products with an input's scale stay normal float32 numbers

Weighted = s.Conv | s.Dense | s.Scale
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Kernel:
    """The numbers of a step with weights: ``weights`` (features, inputs of one), ``bias`` (features,), in float64."""

    weights: Matrix
    bias: Matrix


def applied(
    base: Int8Net,
    before: Steps,
    after: Steps,
    *,
    grids: Mapping[str, Grid] | None = None,
    leave: Collection[str] = (),
) -> Int8Net:
    """The int8 net of an adapted model, on the weights of its base.

    Args:
        base: the int8 net of ``before``.
        before: the folded base model.
        after: the folded adapted model: the same net, in front of which anything may have changed.
        grids: activation grids that move, by the name of their layer; ``entry`` is the input's. None by default.
        leave: names of layers that keep their base's weights, scales and biases: the caller makes them anew.

    Raises:
        Refused: FROZEN_GRID_UNFIT, naming the layer whose kernel is not its base's times a positive gain for each
            feature or whose integers round another kernel than the base's, or ACCUMULATOR_OVERFLOW.
    """
    moved = grids or {}
    source = moved.get("entry", base.entry.grid)
    leaves = base.exit if base.exit is None else source
    layers: list[integer.Layer] = []
    for layer, old, new in aligned(base, before, after):
        if isinstance(layer, Linear | Mean):
            target = None if layer.target is None else moved.get(layer.name, layer.target)
            if isinstance(layer, Linear) and layer.name not in leave:
                layers.append(rescaled(layer, kernel(old), kernel(new), source, target))
            else:
                layers.append(replace(layer, source=source, target=target))
            source, leaves = target or source, target
        else:
            layers.append(layer)
    entry = replace(base.entry, grid=moved.get("entry", base.entry.grid))
    return Int8Net(front(before, after), entry, tuple(layers), leaves)


def misfits(base: Int8Net, before: Steps, after: Steps) -> dict[str, Refused]:
    """Why layers cannot take their change on the weights they have, by name; those that can are not in it.

    Raises:
        Refused: FROZEN_GRID_UNFIT, not the same net.
    """
    found = {}
    for layer, old, new in aligned(base, before, after):
        if isinstance(layer, Linear):
            try:
                rescaled(layer, kernel(old), kernel(new), layer.source, layer.target)
            except Refused as refused:
                found[layer.name] = refused
    return found


def aligned(base: Int8Net, before: Steps, after: Steps) -> list[tuple[integer.Layer, s.Step, s.Step]]:
    """(layer, step it was, step it shall be) of the integer net.

    Raises:
        Refused: FROZEN_GRID_UNFIT, not the same net.
    """
    old, new = split(before)[1], split(after)[1]
    kinds = [[type(step) for step in steps] for steps in (old, new)]
    if kinds[0] != kinds[1] or len(old) != len(base.layers):
        raise unfit("model.layers", "it is another net")
    return list(zip(base.layers, old, new, strict=True))


def front(before: Steps, after: Steps) -> Steps:
    """What stays in float of ``after``; steps that ``before`` has too keep their names, however many came first."""
    (_, old), (found, new) = split(before), split(after)
    shift = _index(new[0].name) - _index(old[0].name) if old else 0
    return tuple(replace(step, name=_renamed(step.name, shift)) for step in found) if shift else found


def _index(name: str) -> int:
    return int(name.split(".")[0])


def _renamed(name: str, shift: int) -> str:
    index, *rest = name.split(".")
    place = int(index) - shift
    return ".".join([str(place) if place >= 0 else f"before{-place}", *rest])


def kernel(step: s.Step) -> Kernel:
    """The numbers of a step with weights, one row a feature."""
    match step:
        case s.Conv():
            weights, bias = step.kernel.reshape(len(step.kernel), -1), step.bias
        case s.Dense():
            weights, bias = step.kernel.T, step.bias
        case s.Scale():
            weights, bias = step.scale.reshape(-1, 1), step.shift.ravel()
        case _:
            raise TypeError(type(step).__name__)
    return Kernel(weights.astype(np.float64), bias.astype(np.float64))


def gains(name: str, before: Kernel, after: Kernel) -> Matrix:
    """(features,), how often the old weights are in the new ones. A feature without weights in both has gain 1.

    Raises:
        Refused: FROZEN_GRID_UNFIT, weights that are not in proportion, or a gain that is not positive.
    """
    if before.weights.shape != after.weights.shape:
        raise unfit(f"layers.{name}", "its kernel has another shape")
    power = np.square(before.weights).sum(axis=1)
    silent = ~(before.weights.any(axis=1) | after.weights.any(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(silent, 1.0, (before.weights * after.weights).sum(axis=1) / power)
    found[(before.weights == after.weights).all(axis=1)] = 1.0
    wrong = ~(np.isfinite(found) & (found > 0))
    if wrong.any():
        raise unfit(f"layers.{name}", f"the gain of feature {wrong.argmax()} is {found[wrong.argmax()]:.3g}")
    most = np.abs(after.weights).max(axis=1, initial=0)
    off = np.abs(after.weights - found[:, None] * before.weights).max(axis=1, initial=0) > PROPORTION * most
    if off.any():
        raise unfit(f"layers.{name}", f"the weights of feature {off.argmax()} did not change in proportion")
    return found


def rescaled(layer: Linear, before: Kernel, after: Kernel, source: Grid, target: Grid | None) -> Linear:
    """``layer`` with the scales and biases of ``after``, reading ``source`` and giving ``target``; weights as they are.

    Raises:
        Refused: FROZEN_GRID_UNFIT as ``gains``, or ACCUMULATOR_OVERFLOW.
    """
    _check_rounding(layer, before)
    gain = gains(layer.name, before, after)
    correction = layer.bias - before.bias / integer.product(layer.source, layer.weight_scale)
    roomy = _room(layer, after.bias, source)
    scale = np.where(layer.weights.any(axis=(1, 2)), stepped(layer.weight_scale, gain), roomy)
    if not (np.isfinite(scale) & (scale > _SMALLEST_SCALE)).all():
        raise unfit(f"layers.{layer.name}", "a gain is beyond what a scale can hold")
    wanted = after.bias / integer.product(source, scale) + correction
    made = replace(layer, weight_scale=scale, source=source, target=target)
    bias = layer.bias + _coarse(made, wanted - layer.bias)
    weights = np.abs(layer.weights.astype(np.int64)).sum(axis=(1, 2)) * max(source.zero, 255 - source.zero)
    bound = int(min((weights + np.abs(bias)).max(), 2.0**62))
    if bound > ACCUMULATOR_LIMIT:
        raise Refused(Reason.ACCUMULATOR_OVERFLOW, field=f"layers.{layer.name}", found=bound, limit=ACCUMULATOR_LIMIT)
    return replace(made, bias=bias.astype(np.int32))


def _check_rounding(layer: Linear, before: Kernel) -> None:
    """Refuse a layer whose integers round another kernel, as those of a net that was equalised or learned on do."""
    features, inputs = before.weights.shape
    _, channels, size = layer.weights.shape
    copies = max(channels * size // max(inputs, 1), 1)
    if features != len(layer.weights) or inputs * copies != channels * size:
        raise unfit(f"layers.{layer.name}", "its kernel has another shape")
    summed = layer.weights.reshape(features, -1, copies, size).sum(axis=2, dtype=np.float64).reshape(features, -1)
    real = summed * layer.weight_scale[:, None]
    share = (real * before.weights).sum(axis=1) / np.maximum(np.square(before.weights).sum(axis=1), _TINY)
    largest = np.abs(layer.weights).max(axis=(1, 2), initial=0)
    counted = largest >= WEIGHT_LIMIT / 2  # the others have hardly more than a bias
    off = counted & (np.abs(share - 1) > ROUNDING_SHARE)
    if off.any():
        raise unfit(f"layers.{layer.name}", f"the int8 weights of feature {off.argmax()} are not the base model's")


def stepped(scale: Floats, gain: Matrix) -> Floats:
    """The scales nearest to ``scale * gain`` that leave the low ``SCALE_STEP_BITS`` bits of ``scale`` as they are."""
    bits = scale.view(np.int32).astype(np.int64)
    wanted = np.asarray(scale * gain, np.float32).view(np.int32).astype(np.int64)
    steps = np.rint((wanted - bits) / 2**SCALE_STEP_BITS).astype(np.int64)
    return np.asarray((bits + steps * 2**SCALE_STEP_BITS).astype(np.int32).view(np.float32))


def _room(layer: Linear, bias: Matrix, source: Grid) -> Floats:
    """The scales of features without integer weights: they count nothing but a bias, which has to fit."""
    least = np.abs(bias) / (np.float64(source.scale) * _BIAS_UNITS)
    return np.asarray(np.where(least > layer.weight_scale, 2 * least, layer.weight_scale), np.float32)


def _coarse(layer: Linear, change: Matrix) -> Matrix:
    """``change`` of a bias in whole units, rounded as far as the target grid does not see it."""
    if layer.target is None:
        return np.rint(change)
    unit = float(integer.product(layer.source, layer.weight_scale).max())
    units = 2.0 ** max(0, np.floor(np.log2(layer.target.scale / (BIAS_STEPS * unit))))
    return np.asarray(np.rint(change / units) * units)


def unfit(field: str, problem: str) -> Refused:
    """The refusal of a change that the base's weights cannot take."""
    return Refused(Reason.FROZEN_GRID_UNFIT, field=field, problem=problem)
