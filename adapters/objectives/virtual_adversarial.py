"""Answer the same when a window is moved a little in the worst direction.

DIRT-T's target term is ``virtual_adversarial + entropy``. The direction needs a backward pass of its own.

Reference: Miyato et al. 2018, VAT, https://arxiv.org/abs/1704.03976, section 3.3, one power iteration; Shu et al. 2018,
DIRT-T, https://arxiv.org/abs/1802.08735.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from adapters import answers
from adapters.objective import CLASSES, OUTPUTS, Domain, Need, Signals, Term

RADIUS = 0.05  # ε, as a share of the length of a window whose channels all have their usual deviation
PROBE = 0.01  # ξ, likewise: the step that finds the direction, large enough for single precision


def loss(signals: Signals) -> Array:
    """KL(p(x) ‖ p(x + r)), the mean over the target's windows, plus the same over the source's if they are there."""
    domains = [domain for domain in (signals.target, signals.source) if domain is not None]
    keys = jax.random.split(signals.key, len(domains))
    terms = [_roughness(signals, domain, key) for domain, key in zip(domains, keys, strict=True)]
    return sum(terms[1:], terms[0])


def _roughness(signals: Signals, domain: Domain, key: Array) -> Array:
    wanted = lax.stop_gradient(domain.logits)
    length = jnp.sqrt(jnp.float32(domain.values[0].size))
    deviation = domain.values.std((0, 1))

    def moved(direction: Array, step: float) -> Array:
        found = signals.run(domain.values + step * length * direction * deviation)[1]
        return answers.apart(wanted, found, domain.labels, signals.output_scale)

    start = unit(jax.random.normal(key, domain.values.shape))
    steepest = jax.grad(lambda direction: moved(direction, PROBE).sum())(start)
    return moved(lax.stop_gradient(unit(steepest)), RADIUS).mean()


def unit(directions: Array) -> Array:
    """Each window of (batch, time, channels) at length 1; a window of zeros stays zero."""
    largest = jnp.abs(directions).max((1, 2), keepdims=True)
    even = directions / jnp.where(largest > 0, largest, 1)  # squares of small gradients would vanish
    length = jnp.sqrt(jnp.square(even).sum((1, 2), keepdims=True))
    return even / jnp.where(length > 0, length, 1)


VIRTUAL_ADVERSARIAL = Term(
    "virtual_adversarial", frozenset({Need.TARGET_WINDOWS}), loss, kinds=frozenset({CLASSES, OUTPUTS})
)
