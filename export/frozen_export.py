"""An adapted model as an int8 file that differs from its base's in as little as the adaptation did.

First everything stays: weights and grids (``export.frozen``). With windows of the target at hand, a grid that no longer
suits its tensor is moved, a layer whose kernel changed out of proportion is rounded anew, and if the net then still
strays from the adapted model where a calibration from scratch would not, that is taken. What was done is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from export import integer
from export import steps as s
from export.calibration import calibrate, same_decisions, same_numbers
from export.folding import fold
from export.frozen import aligned, applied, front, misfits
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.integer import Grid, Int8Net, Linear, Mean
from export.linear import Summing, rounded_layer
from export.proof import TOLERANCES, strayed
from export.ranges import grid, least_squares, span
from export.reading import arrays_of, read
from export.steps import Floats, Steps
from nets.model import Model
from slipway.errors import Refused
from slipway.windows import Values, check_values

WINDOW_LIMIT = 1024
SAMPLE_LIMIT = 32_768  # samples in time over all windows looked at
SATURATION_LIMIT = 0.01  # share of a tensor outside its grid from which the grid moves
COARSE_RATIO = 4.0  # squared error on a grid over that on the tensor's own: from here on the grid is a bit too coarse
AGREEMENT_GOAL = 0.998  # share of decisions kept from which nothing more is tried
AGREEMENT_SLACK = 0.005  # what a small update may keep less than the most faithful net that was found


@dataclass(frozen=True)
class Fit:
    """How a base's grid suits a tensor of the adapted model.

    Args:
        saturation: share of the tensor's numbers outside the grid.
        error_ratio: squared error on the grid over that on the tensor's own best grid.
    """

    saturation: float
    error_ratio: float


@dataclass(frozen=True)
class Own:
    """A tensor's own grids: of the least squared error, and over its whole range."""

    best: Grid
    whole: Grid


@dataclass(frozen=True, eq=False)
class Frozen:
    """The int8 file of an adapted model.

    Args:
        net: as the file computes it.
        graph: the ONNX file.
        changed: initialisers that the base has not or has otherwise.
        regridded: tensors whose grid moved, and why.
        rounded: layers whose weights were rounded anew, and why.
        full: whether all was calibrated from scratch.
        fits: how the base's grids suit, by tensor; empty without windows.
        agreement: share of the windows with the adapted model's decision (R² of a regression); None without windows.
        worst: ``proof.strayed`` of the windows; None without any.
    """

    net: Int8Net
    graph: bytes
    changed: tuple[str, ...]
    regridded: Mapping[str, str]
    rounded: Mapping[str, str]
    full: bool
    fits: Mapping[str, Fit]
    agreement: float | None = None
    worst: float | None = None

    @property
    def kept(self) -> float:
        """``agreement``; 0 where it was not measured."""
        return self.agreement or 0.0

    @property
    def provable(self) -> bool:
        """Whether ``proof.prove`` would take these windows."""
        return self.worst is not None and self.worst <= TOLERANCES["int8"]

    @property
    def faithful(self) -> bool:
        """Whether nothing more need be tried."""
        return self.provable and self.kept >= AGREEMENT_GOAL


def frozen_export(graph: bytes, base: Model, adapted: Model, values: Values | None = None) -> Frozen:
    """Put an adapted model on the int8 weights of its base.

    Args:
        graph: the base's int8 ONNX file.
        base: the model it was exported from.
        adapted: the same network with other numbers, possibly behind a sensor's correction.
        values: windows (batch, time, channels) of the target without labels; an even spread of ``WINDOW_LIMIT`` is
            used. Without any nothing can be rounded or measured: the change fits the frozen grid or is refused.

    Raises:
        Refused: FROZEN_GRID_UNFIT for a file that is not the base's, for another net, and without windows for a layer
            that cannot take its change; ACCUMULATOR_OVERFLOW; or a reason of the windows.
    """
    before, after = fold(base), fold(adapted)
    net = read(graph, before, base.task)
    unfit = misfits(net, before, after)
    if values is None or len(values) == 0:
        for refused in unfit.values():
            raise refused
        return _frozen(graph, applied(net, before, after), adapted)
    seen = _spread(check_values(values, base.task.sensor, "values"))
    fits, own = _judged(net, before, after, seen)
    rounded = {name: refused.message for name, refused in unfit.items()}
    found: list[Frozen] = []
    for grids in _ladder(fits, own):
        try:
            made = applied(net, before, after, grids=grids, leave=unfit)
            for name in unfit:
                made = _rounded(made, name, before, after, seen)
        except Refused:  # a sum that no longer fits 32 bits there; another grid may hold it
            continue
        regridded = {name: _why(fits[name]) for name in grids}
        result = replace(_frozen(graph, made, adapted), regridded=regridded, rounded=rounded, fits=fits)
        found.append(_measured(result, after, adapted, seen))
        if found[-1].faithful:
            return found[-1]
    whole = _frozen(graph, calibrate(after, seen, decides=not adapted.task.outputs).net, adapted)
    found.append(_measured(replace(whole, full=True, fits=fits), after, adapted, seen))
    return _chosen(found)


def _chosen(found: Sequence[Frozen]) -> Frozen:
    """The smallest change that keeps about as many decisions as any, of those that a proof would let pass, if any."""
    provable = [one for one in found if one.provable] or found
    least = max(one.kept for one in provable) - AGREEMENT_SLACK
    return next(one for one in provable if one.kept >= least)


def _frozen(base_graph: bytes, net: Int8Net, adapted: Model) -> Frozen:
    graph = to_bytes(int8_onnx(net, adapted.task))
    old, new = arrays_of(base_graph), arrays_of(graph)
    changed = tuple(name for name in new if name not in old or not np.array_equal(old[name], new[name]))
    return Frozen(net, graph, changed, {}, {}, False, {})


def _spread(values: Values) -> Values:
    most = max(1, min(WINDOW_LIMIT, SAMPLE_LIMIT // values.shape[1]))
    return values[:: -(-len(values) // most)]


def _judged(net: Int8Net, before: Steps, after: Steps, values: Values) -> tuple[dict[str, Fit], dict[str, Own]]:
    """(how each grid suits its tensor, each tensor's own grid)."""
    fits, own = {}, {}
    for name, old, margin, exact in _tensors(net, before, after, values):
        own[name] = Own(*(grid(*ends, margin_steps=margin) for ends in (least_squares(exact), span(exact, 0.0))))
        fits[name] = _fit(old, own[name].best, exact)
    return fits, own


def _ladder(fits: Mapping[str, Fit], own: Mapping[str, Own]) -> Iterator[dict[str, Grid]]:
    """Grids that move, fewest first: those that cut off much, those that are too coarse, all that cut anything off."""
    cut = {name: own[name].best for name, fit in fits.items() if fit.saturation > SATURATION_LIMIT}
    yield cut
    coarse = {name: own[name].best for name, fit in fits.items() if fit.error_ratio > COARSE_RATIO}
    if coarse.keys() - cut.keys():
        yield cut | coarse
    wide = {name: own[name].whole for name, fit in fits.items() if fit.saturation > 0}
    if wide:
        yield cut | coarse | wide


def _tensors(net: Int8Net, before: Steps, after: Steps, values: Values) -> Iterator[tuple[str, Grid, float, Floats]]:
    """(name, the base's grid, its margin in steps, the adapted model's numbers) of each tensor that is rounded."""
    exact = integer.enter(front(before, after), values)
    yield "entry", net.entry.grid, 0.5 if net.entry.copies > 1 else 0, exact
    exact = s.run(front(before, after), values)
    for layer, _, step in aligned(net, before, after):
        exact = s.apply(step, exact)
        if isinstance(layer, Linear | Mean) and layer.target is not None:
            yield layer.name, layer.target, 0, exact


def _fit(old: Grid, own: Grid, exact: Floats) -> Fit:
    low, high = ((end - old.zero) * float(old.scale) for end in (-0.5, 255.5))
    saturation = float(((exact < low) | (exact > high)).mean())
    least = max(_squared_error(own, exact), np.finfo(np.float64).tiny)
    return Fit(saturation, _squared_error(old, exact) / least)


def _squared_error(found: Grid, exact: Floats) -> float:
    return float(np.square(found.real(found.quantize(exact)) - exact, dtype=np.float64).mean())


def _why(fit: Fit) -> str:
    return (
        f"{fit.saturation:.1%} of its numbers lie outside; its squared error is {fit.error_ratio:.0f} times the least"
    )


def _rounded(net: Int8Net, name: str, before: Steps, after: Steps, values: Values) -> Int8Net:
    """``net`` with the weights of one layer rounded anew, on what reaches it."""
    rows = aligned(net, before, after)
    place = next(at for at, (layer, *_) in enumerate(rows) if layer.name == name)
    layer, _, step = rows[place]
    assert isinstance(layer, Linear) and isinstance(step, Summing)
    exact = s.run([*front(before, after), *(one for _, _, one in rows[:place])], values)
    wanted = s.apply(replace(step, relu=False), exact)
    seen = net.entry.apply(integer.enter(net.front, values))
    for earlier in net.layers[:place]:
        seen = integer.apply(earlier, seen)
    copies = net.entry.copies if place == 0 else 1
    made = rounded_layer(replace(step, name=name), copies, layer.source, layer.target, seen, wanted)
    return replace(net, layers=(*net.layers[:place], made, *net.layers[place + 1 :]))


def _measured(found: Frozen, after: Steps, adapted: Model, values: Values) -> Frozen:
    got, wanted = integer.logits(found.net, values), s.run(after, values)
    agree = same_numbers if adapted.task.outputs else same_decisions
    worst = strayed(got, wanted, precision="int8", decides=not adapted.task.outputs)
    return replace(found, agreement=agree(got, wanted), worst=worst)
