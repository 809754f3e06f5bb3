"""Keep answering what the base answers, its doubts included.

It remembers: beside a term that pulls the network towards the target, it holds the answers where nothing speaks against
them.

Reference: Hinton, Vinyals & Dean 2015, https://arxiv.org/abs/1503.02531, section 2 (soft targets, and the T² that makes
up for the gradients' 1 / T²); Li & Hoiem 2016, Learning without forgetting, https://arxiv.org/abs/1606.09282.
"""

from jax import Array, lax

from adapters import answers
from adapters.objective import CLASSES, OUTPUTS, Domain, Need, Signals, Term

TEMPERATURE = 2.0  # softens both answers, so that the order of the unlikely classes counts too


def loss(signals: Signals) -> Array:
    """T² KL(base / T ‖ now / T), the mean over the target's windows, plus the same over the source's if they are there.

    For a regression half the squared distance in units of ``output_scale``.
    """
    terms = [_distance(signals, domain) for domain in (signals.target, signals.source) if domain is not None]
    return sum(terms[1:], terms[0])


def _distance(signals: Signals, domain: Domain) -> Array:
    teacher = lax.stop_gradient(signals.base(domain.values)[1])
    if answers.is_regression(domain.labels):
        return answers.apart(teacher, domain.logits, domain.labels, signals.output_scale).mean()
    return TEMPERATURE**2 * answers.divergence(teacher / TEMPERATURE, domain.logits / TEMPERATURE).mean()


DISTILLATION = Term("distillation", frozenset({Need.TARGET_WINDOWS}), loss, kinds=frozenset({CLASSES, OUTPUTS}))
