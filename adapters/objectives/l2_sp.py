"""Stay near the base: what was learned before is the prior.

The engine's ``pull_to_base`` is the same pull at a strength of its own; this term is there to be weighed in a job. It
needs no windows, so it goes with another term.

Reference: Li, Grandvalet & Davoine 2018, L2-SP, https://arxiv.org/abs/1802.01483, equation 2.
"""

import jax.numpy as jnp
from jax import Array

from adapters.objective import CLASSES, OUTPUTS, Signals, Term


def loss(signals: Signals) -> Array:
    """½ ‖w - w⁰‖² over the arrays in scope."""
    initial = signals.initial
    squares = [jnp.square(array - initial[name]).sum() for name, array in signals.changed.items() if name in initial]
    return 0.5 * sum(squares, jnp.float32(0))


L2_SP = Term("l2_sp", frozenset(), loss, kinds=frozenset({CLASSES, OUTPUTS}))
