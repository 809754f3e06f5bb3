"""What the network says about the whole pool at once, and which windows it finds alike.

The windows come padded to a bucket. Padded rows are carried along and never count: not as a neighbour, not in a sum.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

from nets.network import Network
from nets.windows import Windows

CHUNK = 256  # windows that pass through the network at once
NORM_FLOOR = 1e-12

Found = TypeVar("Found")  # an array of as many rows, or a tuple of them


class Bank(NamedTuple):
    """A pool as the network sees it.

    Args:
        features: (rows, features), each of length 1, so that a product of two is the cosine.
        logits: (rows, classes).
        real: (rows,), 1 for a window of the pool and 0 for padding.
    """

    features: Array
    logits: Array
    real: Array


class Neighbours(NamedTuple):
    """The nearest windows of each window of a pool.

    Args:
        rows: (rows, neighbours), nearest first.
        real: (rows, neighbours), 0 where the pool has no further window.
    """

    rows: Array
    real: Array


def bank(network: Network, windows: Windows, count: Array) -> Bank:
    """Features and logits of every window of a pool, in the network's inference mode, without gradient.

    Args:
        network: as it is now.
        windows: padded to a bucket.
        count: how many are real.
    """
    rows = len(windows.values)

    def answer(values: Array) -> tuple[Array, Array]:
        features = network.features(values)
        return features, network.head(features)

    features, logits = in_chunks(answer, windows.values)
    lengths = jnp.sqrt(jnp.square(features).sum(-1, keepdims=True))
    real = (jnp.arange(rows) < count).astype(features.dtype)
    return jax.lax.stop_gradient(Bank(features / jnp.maximum(lengths, NORM_FLOOR), logits, real))


def neighbours(found: Bank, count: int) -> Neighbours:
    """The ``count`` windows of greatest cosine to each window, itself not among them.

    Args:
        found: the pool.
        count: at most; a pool has one neighbour fewer than windows.
    """
    rows = len(found.real)

    def nearest(numbers: Array) -> tuple[Array, Array]:
        cosines = found.features[numbers] @ found.features.T
        other = (found.real > 0) & (numbers[:, None] != jnp.arange(rows))
        best, where = jax.lax.top_k(jnp.where(other, cosines, -jnp.inf), min(count, rows - 1))
        return where, jnp.isfinite(best).astype(cosines.dtype)

    return Neighbours(*in_chunks(nearest, jnp.arange(rows)))


def in_chunks(function: Callable[[Array], Found], rows: Array) -> Found:
    """``function`` of ``rows``, ``CHUNK`` at a time: memory grows with the chunk, not with the pool."""
    count = len(rows)
    if count <= CHUNK:
        return function(rows)
    chunks = -(-count // CHUNK)
    padded = jnp.pad(rows, [(0, chunks * CHUNK - count)] + [(0, 0)] * (rows.ndim - 1))
    parts = jax.lax.map(function, padded.reshape(chunks, CHUNK, *rows.shape[1:]))
    whole: Found = jax.tree.map(lambda part: part.reshape(chunks * CHUNK, *part.shape[2:])[:count], parts)
    return whole
