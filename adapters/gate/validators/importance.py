"""The source's labels, each counted as often as the pool holds windows like it.

Right when the pool is the source with other weights (covariate shift), and blind to a sensor that changed: where the
source holds no look-alikes the weights say nothing, so both are silent there.
"""

import numpy as np

from adapters.gate.evidence import Doubles, Trial
from adapters.gate.overlap import overlap
from nets.inference import log_softmax

OVERLAP = 0.1  # share of look-alikes under which the weights say nothing
CLIP = 20.0  # of a weight, in means: no single window decides


def importance_weighted(trial: Trial) -> Doubles | None:
    """Log-likelihood of the source's labels, weighted by how much each window looks like the pool inside the base.

    Reference: Sugiyama, Krauledat & Müller 2007, importance-weighted cross-validation,
    https://www.jmlr.org/papers/v8/sugiyama07a.html.
    """
    found = _weighted(trial, embedded=False)
    return None if found is None else found[0] * found[1]


def deep_embedded(trial: Trial) -> Doubles | None:
    """The same with weights inside the candidate, and with what their own scatter adds to the mean taken out.

    Reference: You et al. 2019, DEV, http://proceedings.mlr.press/v97/you19a.html, equations 5 to 8.
    """
    found = _weighted(trial, embedded=True)
    if found is None:
        return None
    weights, likelihood = found
    product, spread = weights * likelihood, float(weights.var())
    share = -float(np.cov(product, weights, ddof=0)[0, 1]) / spread if spread > 0 else 0.0
    return np.asarray(product + share * (weights - 1))


def _weighted(trial: Trial, *, embedded: bool) -> tuple[Doubles, Doubles] | None:
    """Weights (source windows,), 1 on average, and log-likelihoods of the labels."""
    if trial.source is None or trial.source_logits is None or len(trial.source.labels) < 2 or len(trial.values) < 2:
        return None
    seen = overlap(trial.model if embedded else trial.base, trial.values, trial.source)
    if seen.share < OVERLAP:
        return None
    weights = np.exp(seen.log_odds - seen.log_odds.max())
    weights = np.minimum(weights / weights.mean(), CLIP)
    rows = np.arange(len(trial.source.labels))
    return weights / weights.mean(), log_softmax(trial.source_logits)[rows, trial.source.labels]
