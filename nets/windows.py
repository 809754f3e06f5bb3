"""Windows on the device, in sizes that few compiled programs serve."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from slipway.windows import UNLABELLED


class Windows(NamedTuple):
    """A set or a batch of windows.

    Args:
        values: (count, time, channels), float32, in the sensor's units.
        labels: (count,), int32, -1 where nobody said; or (count, outputs), float32, of a regression.
    """

    values: Any
    labels: Any


def labelled(values: npt.NDArray[np.float32], labels: npt.NDArray[np.int32] | None) -> Windows:
    """``Windows`` from arrays; without labels every window is unlabelled."""
    return Windows(values, np.full(len(values), UNLABELLED, np.int32) if labels is None else labels)


def bucket(count: int) -> int:
    """The least of 8, 10, 12, 14, 16, 20, 24, … that holds ``count``: one program each, at most a quarter wasted."""
    step = 1 << max((max(count, 8) - 1).bit_length() - 3, 1)
    return -(-max(count, 8) // step) * step


def pad_rows(values: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """``values`` with zero rows added up to ``count`` rows."""
    if len(values) == count:
        return values
    return np.concatenate([values, np.zeros((count - len(values), *values.shape[1:]), values.dtype)])


def place(windows: Windows) -> tuple[Windows, Array]:
    """Windows on the device, padded to their ``bucket``, and how many of them are real."""
    rows = bucket(len(windows.values))
    padded = Windows(*(jnp.asarray(pad_rows(np.asarray(part), rows)) for part in windows))
    return padded, jnp.int32(len(windows.values))


def shuffled(key: Array, rows: int, count: Array, length: int) -> Array:
    """``length`` row numbers below ``count``: every row once in random order, then again from the start.

    Args:
        key: randomness.
        rows: static bound of ``count``.
        count: how many rows are real; dynamic, so that one program serves many counts.
        length: static.
    """
    draws = jnp.where(jnp.arange(rows) < count, jax.random.uniform(key, (rows,)), jnp.inf)
    return jnp.argsort(draws)[jnp.arange(length) % count]


def stratified_split(
    labels: npt.NDArray[Any], share: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row numbers to learn from and to hold out, ``share`` of each class held out, at random.

    A class of one window stays among those to learn from. Targets (count, outputs) are split as one.
    """
    random = np.random.default_rng(seed)
    if labels.ndim > 1:
        order, cut = random.permutation(len(labels)), min(round(len(labels) * share), len(labels) - 1)
        return np.sort(order[cut:]), np.sort(order[:cut])
    rows = [random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    cuts = [min(round(len(members) * share), len(members) - 1) for members in rows]
    learn = np.concatenate([members[cut:] for members, cut in zip(rows, cuts, strict=True)])
    held_out = np.concatenate([members[:cut] for members, cut in zip(rows, cuts, strict=True)])
    return np.sort(learn), np.sort(held_out)
