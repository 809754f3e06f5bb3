"""Answer in between for windows in between: a path from the source to the target that bends nowhere.

A window of the source and one of the target are mixed in proportion λ, uniform on 0 … 1, and so are their answers: the
label there, what the network says now here, sharpened so that answers in between do not wash it out step by step. Where
a source window has no label, the network's answer stands in.

Reference: Zhang et al. 2018, mixup, https://arxiv.org/abs/1710.09412, equation 1; across domains Yan et al. 2020, IIMT,
https://arxiv.org/abs/2001.00677; for time series Eldele et al. 2023, CoTMix, https://arxiv.org/abs/2212.01555;
sharpened as in Berthelot et al. 2019, MixMatch, https://arxiv.org/abs/1905.02249, equation 7.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from adapters import answers
from adapters.objective import CLASSES, OUTPUTS, Domain, Need, Signals, Term

TEMPERATURE = 0.5  # under 1 sharpens


def loss(signals: Signals) -> Array:
    """Cross-entropy to the mixed answers; for a regression half the squared distance in units of ``output_scale``."""
    source, target = signals.source, signals.target
    assert source is not None and target is not None
    count = min(len(source.values), len(target.values))
    share = jax.random.uniform(signals.key, (count,))
    values = mixed(share, source.values[:count], target.values[:count])
    wanted = mixed(share, believed(source)[:count], believed(target)[:count])
    found = signals.run(values)[1]
    if answers.is_regression(source.labels):
        return 0.5 * jnp.square((found - wanted) / signals.output_scale).mean()
    return -(wanted * jax.nn.log_softmax(found)).sum(-1).mean()


def mixed(share: Array, one: Array, other: Array) -> Array:
    """``share`` (batch,) of ``one`` and the rest of ``other``, both (batch, …)."""
    share = share.reshape(-1, *[1] * (one.ndim - 1)).astype(one.dtype)
    return share * one + (1 - share) * other


def believed(domain: Domain) -> Array:
    """What is taken for true: the label, or what the network says now: (batch, classes) shares or (batch, outputs)."""
    said = lax.stop_gradient(domain.logits)
    if answers.is_regression(domain.labels):
        known = jnp.isfinite(domain.labels).all(-1, keepdims=True)
        return jnp.where(known, domain.labels, said)
    known = (domain.labels >= 0)[:, None]
    return jnp.where(known, jax.nn.one_hot(domain.labels, said.shape[-1]), jax.nn.softmax(said / TEMPERATURE))


MIXUP = Term("mixup", frozenset({Need.TARGET_WINDOWS, Need.SOURCE_WINDOWS}), loss, kinds=frozenset({CLASSES, OUTPUTS}))
