"""Answer the same when the sensor is another of its kind: a little turned, with other gains, biases, noise and clocks.

What the clean window is answered with is the teacher, and the window as another device would have read it learns from
it. Alone it makes answers steady, not right: it goes with a term that pulls.

Reference: Xie et al. 2020, UDA, https://arxiv.org/abs/1904.12848, equation 1; augmentation by rotation, for wearables:
Um et al. 2017, https://arxiv.org/abs/1706.00527.
"""

import jax
from jax import Array, lax

from adapters import answers
from adapters.objective import CLASSES, OUTPUTS, Domain, Need, Signals, Term
from nets.augmentation import Augmentation, augmented, for_sensor

ROTATION_RAD = 0.26  # 15°: more than a strap slips, less than a mounting by design


def loss(signals: Signals) -> Array:
    """KL(p(clean) ‖ p(augmented)), the mean over the target's windows, plus the same over any of the source.

    For a regression half the squared distance in units of ``output_scale``.
    """
    domains = [domain for domain in (signals.target, signals.source) if domain is not None]
    keys = jax.random.split(signals.key, len(domains))
    assert signals.sensor is not None
    devices = for_sensor(signals.sensor, rotation_rad=ROTATION_RAD)
    terms = [_unsteadiness(signals, domain, devices, key) for domain, key in zip(domains, keys, strict=True)]
    return sum(terms[1:], terms[0])


def _unsteadiness(signals: Signals, domain: Domain, devices: Augmentation, key: Array) -> Array:
    clean = lax.stop_gradient(domain.logits)
    found = signals.run(augmented(key, domain.values, devices))[1]
    return answers.apart(clean, found, domain.labels, signals.output_scale).mean()


CONSISTENCY = Term("consistency", frozenset({Need.TARGET_WINDOWS}), loss, kinds=frozenset({CLASSES, OUTPUTS}))
