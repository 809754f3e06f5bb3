"""Learn from measured answers: the supervised term of a regression."""

import jax.numpy as jnp
from jax import Array

from adapters.objective import OUTPUTS, Domain, Need, Signals, Term


def loss(signals: Signals) -> Array:
    """Mean squared error in units of ``output_scale``, the sum over the domains that carry answers."""
    domains = [domain for domain in (signals.labelled, signals.source) if domain is not None]
    terms = [_error(domain, signals.output_scale) for domain in domains]
    return sum(terms[1:], terms[0])


def _error(domain: Domain, scale: Array) -> Array:
    known = jnp.isfinite(domain.labels).all(-1)
    wanted = jnp.where(known[:, None], domain.labels, 0)  # a gradient through NaN is NaN, however it is weighed
    errors = jnp.square((domain.logits - wanted) / scale).mean(-1)
    return (errors * known).sum() / jnp.maximum(known.sum(), 1)


SQUARED_ERROR = Term("squared_error", frozenset({Need.LABELS}), loss, kinds=frozenset({OUTPUTS}))
