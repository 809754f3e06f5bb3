"""What speaks for a model without any label: small functions of its answers, higher is better.

A validator sees a ``Trial`` and returns one number a window, so that the gate can ask how sure the mean is. None is
right alone: each is fooled by some collapsed model, which is why they vote and why the gate has a veto.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adapters.marginal import Shares
from nets.inference import between, log_softmax
from nets.layers import BatchNorm
from nets.model import Model
from nets.windows import Windows

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

NEIGHBOURS = 1000  # windows compared with one another; bounds memory and time
TEMPERATURE = 0.05


@dataclass(frozen=True, eq=False)
class Trial:
    """One candidate's answers.

    Args:
        name: the candidate.
        model: what it is.
        base: what it came from.
        values: (count, time, channels), windows of the pool.
        features: (count, features) on the pool.
        probabilities: (count, classes) on the pool.
        shaken: (count, classes) on the pool with a little noise on every channel.
        expected: (classes,), the class shares that are plausible in the pool.
        consensus: (count, classes), the mean answer of all candidates.
        source: the source's labelled windows, or None.
        source_logits: (count, classes) on them with the base's own statistics, or None.
    """

    name: str
    model: Model
    base: Model
    values: Floats
    features: Floats
    probabilities: Floats
    shaken: Floats
    expected: Shares
    consensus: Floats
    source: Windows | None
    source_logits: Floats | None


Validator = Callable[[Trial], Doubles | None]  # a number for each window, or None where it has nothing to go by


def information(trial: Trial) -> Doubles:
    """How sure each answer is, less what the answers together stray from the expected class shares.

    Mean: -H(p) - KL(mean p ‖ expected), the mutual information of Shi & Sha 2012 (https://arxiv.org/abs/1206.6438) with
    a marginal in place of the even one. The divergence is written as a number for each window by its tangent.
    """
    p = trial.probabilities.astype(np.float64)
    mean = p.mean(0)
    certainty = (p * np.log(p + 1e-12)).sum(1)
    return np.asarray(certainty - p @ (np.log(mean + 1e-12) - np.log(trial.expected)))


def familiarity(trial: Trial) -> Doubles | None:
    """How much the pool, inside the candidate, looks like the source did inside the base.

    A batch normalisation of the base remembers mean and variance of the source at its place; the score is minus the
    divergence of the pool's normal distribution there from the source's, over all channels and places. It needs no
    source, and no candidate can raise it by being sure. The divergence is written as a number for each window by
    its tangent.

    Reference: Eastwood et al. 2022, BUFR, https://arxiv.org/abs/2107.05446, which restores such statistics.
    """
    mine, homes = norms(trial.model), norms(trial.base)
    if not mine or len(mine) != len(homes):
        return None
    places = zip(mine, homes, strict=True)
    return np.asarray(-np.mean([_divergence(trial, index, home) for index, home in places], 0))


def norms(model: Model) -> list[int]:
    """Places of the batch normalisations; a model with a layer put in front has them one place later."""
    return [index for index, layer in enumerate(model.layers) if isinstance(layer, BatchNorm)]


def _divergence(trial: Trial, index: int, at: int) -> Doubles:
    """(count,) whose mean is KL(pool ‖ source) over the channels that reach layer ``index``, ``at`` in the base."""
    layer = trial.base.layers[at]
    assert isinstance(layer, BatchNorm)
    reached = between(trial.model.layers[:index], trial.model.arrays, trial.values).astype(np.float64)
    reached = reached.reshape(len(reached), -1, reached.shape[-1])
    home = (
        trial.base.arrays[f"{at}.mean"],
        trial.base.arrays[f"{at}.variance"] + layer.epsilon,
    )
    each = reached.mean(1)
    mean = each.mean(0)
    spread = np.square(reached - mean).mean(1)
    variance = spread.mean(0) + layer.epsilon
    whole = 0.5 * (variance / home[1] + np.square(mean - home[0]) / home[1] - 1 - np.log(variance / home[1]))
    tangent = 0.5 * (1 / home[1] - 1 / variance) * (spread - spread.mean(0)) + (mean - home[0]) / home[1] * (
        each - mean
    )
    return np.asarray((whole + tangent).mean(1))


def neighbourhood(trial: Trial) -> Doubles | None:
    """Soft neighbourhood density: windows with like answers lie in dense groups.

    Reference: Saito et al. 2021, https://arxiv.org/abs/2108.10860, equation 3.
    """
    if len(trial.probabilities) < 2:
        return None
    rows = np.linspace(0, len(trial.probabilities) - 1, min(len(trial.probabilities), NEIGHBOURS)).astype(int)
    p = trial.probabilities[rows].astype(np.float64)
    p /= np.linalg.norm(p, axis=1, keepdims=True)
    alike = p @ p.T / TEMPERATURE
    np.fill_diagonal(alike, -np.inf)
    log_share = log_softmax(alike)
    return np.asarray(-(np.exp(log_share) * np.where(np.isfinite(log_share), log_share, 0)).sum(1))


def agreement(trial: Trial) -> Doubles:
    """The chance that the candidate and the mean of all candidates give the same answer."""
    return np.asarray((trial.probabilities * trial.consensus).sum(1), np.float64)


def consistency(trial: Trial) -> Doubles:
    """The chance that a little sensor noise leaves the answer as it was."""
    return np.asarray((trial.probabilities * trial.shaken).sum(1), np.float64)


def source_risk(trial: Trial) -> Doubles | None:
    """Log-likelihood of the source's labels: what was learned there must not be lost."""
    if trial.source is None or trial.source_logits is None:
        return None
    return np.asarray(log_softmax(trial.source_logits)[np.arange(len(trial.source.labels)), trial.source.labels])
