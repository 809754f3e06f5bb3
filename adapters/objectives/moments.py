"""Match means and deviations of the target: closed form, no gradient, no step size.

Statistics in scope become those of the target pool, from the input upwards. The input's mean and deviation are those of
the raw channels. Each batch normalisation then gets the mean and variance of what reaches it *after* the layers before
it were corrected: one streamed pass over the pool a layer, sums in double precision, so the result does not depend on
batches.

Reference: Li et al. 2018, AdaBN, https://arxiv.org/abs/1603.04779.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from adapters.objective import CLASSES, OUTPUTS, Arrays, Need, Pools, Term
from nets.inference import between
from nets.layers import BatchNorm, Layers, Normalize
from nets.model import Model
from slipway.errors import Reason, Refused
from slipway.windows import Values

DEVIATION_FLOOR = 1e-3  # of the base's own: under it a channel is constant in the pool and keeps the base's scale
CHUNK = 1024  # windows

Doubles = npt.NDArray[np.float64]


def solve(model: Model, names: frozenset[str], pools: Pools) -> Arrays:
    """New statistics for the layers of ``model`` whose statistics are in ``names``.

    Raises:
        Refused: FIELD_INVALID when the scope holds no statistics.
    """
    layers = statistics_in(names, model.layers)
    arrays = dict(model.arrays)
    for index in layers:
        mean, variance = _moments(_reaching(model, arrays, index, pools.target.values))
        arrays |= statistics(model, index, mean, variance)
    return arrays


def statistics_in(names: frozenset[str], layers: Layers) -> tuple[int, ...]:
    """Indices of the layers whose statistics are in ``names``, from the input upwards.

    Raises:
        Refused: FIELD_INVALID when there are none.
    """
    found = tuple(index for index in range(len(layers)) if f"{index}.mean" in names)
    if not found:
        raise Refused(
            Reason.FIELD_INVALID,
            field="scope",
            problem="moments sets statistics, and the scope holds none",
            found=sorted(names)[:3],
            remedy="Use input_statistics, norm_statistics or both.",
        )
    return found


def from_statistics(model: Model, mean: Doubles, variance: Doubles) -> Model:
    """``input_statistics × moments`` for a device that sends no window: equal to what its windows would give.

    Args:
        model: its first layer normalises the raw channels.
        mean: (channels,), in the channels' units.
        variance: (channels,), in their squares.

    Raises:
        Refused: FIELD_INVALID when the model does not normalise its input.
    """
    if not isinstance(model.layers[0], Normalize):
        remedy = "Upload windows, and adapt with another scope."
        problem = "the model has no input statistics to set"
        raise Refused(Reason.FIELD_INVALID, field="scope", problem=problem, found=model.layers[0], remedy=remedy)
    return Model(model.task, model.layers, {**model.arrays, **statistics(model, 0, mean, variance)})


def _reaching(model: Model, arrays: Arrays, index: int, values: Values) -> Iterator[npt.NDArray[np.float32]]:
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK]
        yield part if index == 0 else between(model.layers[:index], arrays, part)


def _moments(parts: Iterator[npt.NDArray[np.float32]]) -> tuple[Doubles, Doubles]:
    """Mean and variance over everything but the last axis, merged part by part (Chan, Golub & LeVeque 1979)."""
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    for part in parts:
        rows = part.reshape(-1, part.shape[-1]).astype(np.float64)
        shift = rows.mean(0) - mean
        total = count + len(rows)
        squares = squares + np.square(rows - rows.mean(0)).sum(0) + np.square(shift) * count * len(rows) / total
        mean = mean + shift * len(rows) / total
        count = total
    return mean, squares / max(count, 1)


def statistics(model: Model, index: int, mean: Doubles, variance: Doubles) -> Arrays:
    """What layer ``index`` holds, ``"<index>.<name>"``, when ``mean`` and ``variance`` (channels,) reach it.

    A channel that is constant in the pool keeps the base's scale: its deviation says nothing.
    """
    layer = model.layers[index]
    spread = "deviation" if isinstance(layer, Normalize) else "variance"
    before = model.arrays[f"{index}.{spread}"].astype(np.float64)
    deviation = (
        before if spread == "deviation" else np.sqrt(before + layer.epsilon if isinstance(layer, BatchNorm) else 0)
    )
    constant = np.sqrt(variance) < DEVIATION_FLOOR * deviation
    found = np.where(constant, before, np.sqrt(variance) if spread == "deviation" else variance)
    return {f"{index}.mean": mean.astype(np.float32), f"{index}.{spread}": found.astype(np.float32)}


MOMENTS = Term("moments", frozenset({Need.TARGET_WINDOWS}), solve=solve, kinds=frozenset({CLASSES, OUTPUTS}))
