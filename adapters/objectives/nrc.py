"""Answer as the neighbours do: neighbourhood reciprocity clustering.

The pool's features and answers are remembered at the start of each pass. A neighbour that also counts the window among
its own neighbours is believed; one that does not, and the neighbours' neighbours, a little.

Reference: Yang et al. 2021, NRC, https://arxiv.org/abs/2110.04202, sections 3.2 to 3.5. There the mean answer is pulled
to an even marginal; here to the one that is expected.
"""

import jax
import jax.numpy as jnp
from jax import Array

from adapters import answers
from adapters.bank import bank, neighbours
from adapters.objective import Need, Signals, Term
from nets.network import Network
from nets.windows import Windows

NEIGHBOURS = 5  # K, and as many of each of them
DOUBT = 0.1  # r: what a neighbour counts that does not return it, and a neighbour's neighbour

_ROWS, _REAL, _ANSWERS = "nrc.rows", "nrc.real", "nrc.answers"


def loss(signals: Signals) -> Array:
    """L_N + L_E + L_self + L_div of the paper."""
    assert signals.target is not None
    p = jax.nn.softmax(signals.target.logits)
    wanted = reciprocal(signals.found[_ROWS], signals.found[_REAL], signals.found[_ANSWERS], signals.target.rows)
    return answers.departure(p, signals.marginal) - (wanted * p).sum(-1).mean()


def reciprocal(rows: Array, real: Array, remembered: Array, batch: Array) -> Array:
    """Σ of the answers to agree with, each times its affinity: (batch, classes).

    Args:
        rows: (pool, neighbours), the neighbours of each window.
        real: (pool, neighbours), 0 where there is none.
        remembered: (pool, classes), the answers.
        batch: (batch,), which windows are asked about.
    """
    near, is_near = rows[batch], real[batch]
    further, is_further = rows[near], real[near] * is_near[..., None]  # (batch, neighbours, neighbours)
    returned = ((further == batch[:, None, None]) & (is_further > 0)).any(-1)
    affinity = jnp.where(returned, 1.0, DOUBT) * is_near
    direct = (affinity[..., None] * remembered[near]).sum(1)
    expanded = DOUBT * (is_further[..., None] * remembered[further]).sum((1, 2))
    return direct + expanded + remembered[batch]


def refresh(network: Network, windows: Windows, count: Array) -> dict[str, Array]:
    """Every window's neighbours and answer."""
    found = bank(network, windows, count)
    near = neighbours(found, NEIGHBOURS)
    return {_ROWS: near.rows, _REAL: near.real, _ANSWERS: jax.nn.softmax(found.logits)}


NRC = Term("nrc", frozenset({Need.TARGET_WINDOWS}), loss, refresh=refresh)
