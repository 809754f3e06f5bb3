"""Draw the answers of neighbours together and the others apart: attracting and dispersing.

Reference: Yang et al. 2022, AaD, https://arxiv.org/abs/2205.04183, equation 5. There all pairs of a batch are driven
apart alike, which settles at even shares; here a pair that agrees on a class counts by one over the share that is
expected of the class, which settles at the expected marginal and is the paper's form when that is even.
"""

import jax
import jax.numpy as jnp
from jax import Array

from adapters.bank import bank, neighbours
from adapters.objective import Need, Signals, Term
from nets.network import Network
from nets.windows import Windows

NEIGHBOURS = 5  # K
DECAY = 2.0  # β: dispersing first gives clusters room, attracting then fills them

_ROWS, _REAL, _ANSWERS = "aad.rows", "aad.real", "aad.answers"


def loss(signals: Signals) -> Array:
    """-Σ over neighbours of pᵢ·pⱼ + λ Σ over the rest of the batch of pᵢ·pₘ, the mean over the batch."""
    assert signals.target is not None
    p = jax.nn.softmax(signals.target.logits)
    near, real = signals.found[_ROWS][signals.target.rows], signals.found[_REAL][signals.target.rows]
    attracting = (p * (signals.found[_ANSWERS][near] * real[..., None]).sum(1)).sum(-1).mean()
    dispersing = agreement(p, signals.marginal).mean()
    return (1 + 10 * signals.progress) ** -DECAY * dispersing - attracting


def agreement(probabilities: Array, marginal: Array) -> Array:
    """Σ pᵢ·pₘ over the other windows m of the batch, a class's share in it by one over its expected share: (batch,)."""
    weighted = probabilities / (marginal * len(marginal))
    pairs = weighted @ probabilities.T
    return (pairs * (1 - jnp.eye(len(pairs), dtype=pairs.dtype))).sum(-1)


def refresh(network: Network, windows: Windows, count: Array) -> dict[str, Array]:
    """Every window's neighbours and answer."""
    found = bank(network, windows, count)
    near = neighbours(found, NEIGHBOURS)
    return {_ROWS: near.rows, _REAL: near.real, _ANSWERS: jax.nn.softmax(found.logits)}


AAD = Term("aad", frozenset({Need.TARGET_WINDOWS}), loss, refresh=refresh)
