"""Match means and deviations of the target: closed form, no gradient, no step size.

Statistics in scope become those of the target pool, from the input upwards. The input's mean and deviation are those of
the raw channels. Each batch normalisation then gets the mean and variance of what reaches it *after* the layers before
it were corrected. A large pool streams through once a layer; sums over windows are in double precision, so the result
does not depend on batches.

Reference: Li et al. 2018, AdaBN, https://arxiv.org/abs/1603.04779.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from adapters.objective import CLASSES, OUTPUTS, Arrays, Need, Pools, Term
from nets.inference import through
from nets.layers import BatchNorm, Layers, Normalize
from nets.model import Model
from nets.windows import bucket, pad_rows
from slipway.errors import Reason, Refused
from slipway.windows import Values

DEVIATION_FLOOR = 1e-3  # of the base's own: under it a channel is constant in the pool and keeps the base's scale
CHUNK = 1024  # windows

Doubles = npt.NDArray[np.float64]
Part = tuple[Any, int]  # padded windows (rows, time, channels), how many of them are real


def solve(model: Model, names: frozenset[str], pools: Pools) -> Arrays:
    """New statistics for the layers of ``model`` whose statistics are in ``names``.

    Raises:
        Refused: FIELD_INVALID when the scope holds no statistics.
    """
    layers = statistics_in(names, model.layers)
    arrays = dict(model.arrays)
    at, parts = 0, list(_parts(pools.target.values))
    for index in layers:
        reaching: Iterable[Part] = _reaching(model.layers, arrays, at, index, parts)
        if len(parts) == 1:  # a small pool goes on from where it is; a large one does not fit, and enters anew
            at, parts = index, list(reaching)
            reaching = parts
        arrays |= statistics(model, index, *_moments(reaching))
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


def _parts(values: Values) -> Iterator[Part]:
    for start in range(0, len(values), CHUNK):
        some = values[start : start + CHUNK]
        yield pad_rows(some, bucket(len(some))), len(some)


def _reaching(layers: Layers, arrays: Arrays, at: int, index: int, parts: Sequence[Part]) -> Iterator[Part]:
    """What reaches layer ``index`` of windows that have reached layer ``at``."""
    return ((through(layers, at, index, arrays, part), count) for part, count in parts)


def _moments(parts: Iterable[Part]) -> tuple[Doubles, Doubles]:
    """Mean and variance over everything but the last axis: in float32 within a window, in double over windows."""
    found = [[np.asarray(each)[:count] for each in _within(part)] for part, count in parts]
    means, variances = (np.concatenate(each).astype(np.float64) for each in zip(*found, strict=True))
    return means.mean(0), variances.mean(0) + means.var(0)


@jax.jit
def _within(x: Array) -> tuple[Array, Array]:
    """Mean and variance (windows, channels) of each window, about its first sample: an offset costs no digits."""
    rows = x.reshape(x.shape[0], -1, x.shape[-1])
    first = rows[:, 0]
    rows = rows - first[:, None]
    mean = rows.mean(1)
    return first + mean, jnp.square(rows - mean[:, None]).mean(1)


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
