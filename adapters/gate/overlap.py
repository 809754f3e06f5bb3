"""Could the source, drawn with other weights, have given the pool? Whether a changed world alone explains it.

A linear classifier tells pool from source, window by window, on windows it did not learn from. Where it errs on some,
there are source windows that look like them, and the pool may be the same device in another world. Where it errs on
next to none, no choice of source windows looks like the pool, and the device itself must differ.

Reference: weights from a classifier of domains, Bickel, Brückner & Scheffer 2009, https://jmlr.org/papers/v10/bickel09a.html.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nets.inference import features
from nets.model import Model
from nets.windows import Windows
from slipway.windows import Values

Doubles = npt.NDArray[np.float64]

STRETCHES = 10  # of the pool, whole ones held out in turn: neighbours in time are alike
NEWTON_STEPS = 12
RIDGE = 0.01
CLIP = 4.0  # deviations beyond which a number counts no further


@dataclass(frozen=True, eq=False)
class Overlap:
    """How far source and pool look alike.

    Args:
        share: 0 where every held-out window is told from the other domain, 1 where none is.
        log_odds: (source windows,), of being taken for one of the pool.
    """

    share: float
    log_odds: Doubles


def overlap(base: Model, values: Values, source: Windows, seed: int = 0) -> Overlap:
    """Compare the pool ``values`` (count, time, channels) with ``source`` inside the base and in the raw channels."""
    both = np.concatenate([_seen(base, source.values), _seen(base, values)])
    both = np.clip((both - both.mean(0)) / (both.std(0) + 1e-9), -CLIP, CLIP)
    both = np.concatenate([both, np.ones((len(both), 1))], 1)
    is_pool = np.arange(len(both)) >= len(source.values)
    fold = np.concatenate([np.random.default_rng(seed).permutation(len(source.values)) % 2, _folds(len(values))])
    log_odds = np.zeros(len(both))
    for held_out in (0, 1):
        learn = fold != held_out
        log_odds[~learn] = both[~learn] @ _classifier(both[learn], is_pool[learn])
    wrong = (log_odds > 0) != is_pool
    return Overlap(float(min(wrong[is_pool].mean() + wrong[~is_pool].mean(), 1.0)), log_odds[~is_pool])


def _seen(base: Model, values: Values) -> Doubles:
    """(count, features): what the last layer sees, and mean and spread of each raw channel."""
    raw = values.astype(np.float64)
    spread = [np.log(raw.std(1) + 1e-3 * (raw.std((0, 1)) + 1e-12))] if values.shape[1] > 1 else []
    return np.concatenate([features(base, values).astype(np.float64), raw.mean(1), *spread], 1)


def _folds(count: int) -> npt.NDArray[np.int64]:
    return np.arange(count) * STRETCHES // max(count, 1) % 2


def _classifier(rows: Doubles, is_pool: npt.NDArray[np.bool_]) -> Doubles:
    """Weights (features,) of a logistic regression in which both domains weigh alike."""
    count = len(rows)
    weigh = np.where(is_pool, 0.5 * count / max(is_pool.sum(), 1), 0.5 * count / max((~is_pool).sum(), 1))
    ridge, weights = RIDGE * count, np.zeros(rows.shape[1])
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        pull = rows.T @ (weigh * (p - is_pool)) + ridge * weights
        curve = (rows * (weigh * np.maximum(p * (1 - p), 1e-6))[:, None]).T @ rows
        weights = weights - np.linalg.solve(curve + ridge * np.eye(len(weights)), pull)
    return weights
