"""Mixed windows as probes of what a model believes of the pool."""

import numpy as np
import numpy.typing as npt

from adapters.gate.evidence import Doubles, Trial
from nets.inference import logits

LARGER = 0.55  # share of the window whose answer should prevail
SEED = 0


def mixed(trial: Trial) -> Doubles | None:
    """Whether a window, mixed with another, keeps its answer: half with one answered alike, half with one otherwise.

    The first probes whether a class is one dense group, the second whether the border between classes runs where
    windows are few. Only the first is there when all are answered alike.

    Reference: Hu et al. 2023, Mixed samples as probes for unsupervised model selection in domain adaptation (MixVal),
    https://openreview.net/forum?id=ackajXqei2.
    """
    answers = trial.probabilities.argmax(1)
    if len(answers) < 2 or not np.isfinite(trial.probabilities).all():
        return None
    random = np.random.default_rng(SEED)
    within, across = _partners(answers, random, alike=True), _partners(answers, random, alike=False)
    kept = [_kept(trial, answers, within)]
    if len(np.unique(answers)) > 1:
        kept.append(_kept(trial, answers, across))
    return np.asarray(np.mean(kept, 0))


def _partners(answers: npt.NDArray[np.int64], random: np.random.Generator, *, alike: bool) -> npt.NDArray[np.int64]:
    """For each window another, drawn from those answered alike or otherwise; itself where there is none."""
    partners = np.arange(len(answers))
    for answer in np.unique(answers):
        mine = np.flatnonzero(answers == answer)
        others = mine if alike else np.flatnonzero(answers != answer)
        if len(others):
            partners[mine] = random.choice(others, len(mine))
    return partners


def _kept(trial: Trial, answers: npt.NDArray[np.int64], partners: npt.NDArray[np.int64]) -> Doubles:
    probes = LARGER * trial.values + (1 - LARGER) * trial.values[partners]
    return np.asarray(logits(trial.model, probes.astype(np.float32)).argmax(1) == answers, np.float64)
