"""Damped Gauss-Newton for a posterior's peak, with a covariance that serially correlated residuals do not fool.

Latents z are standard normal a priori; what falls is

    L(z) = ½ |z|² + 1/(2c) Σ (rₒ/σₒ)²,

σₒ being the deviation of output o's residuals, and c ≥ 1 how many windows in a row say what one independent window
would; both are found anew after each descent, until they stay. The score of each stretch of the recording
gives the true variability B of the gradient (batch means); with A = JᵀJ/σ² and H = A/c + 1 the error of the peak has
covariance H⁻¹ (B/c² + 1) H⁻¹: the prior's where nothing was learned, the sandwich where much was.

Reference: Nocedal & Wright, Numerical Optimization, 2006, §10.3; White, Econometrica 50(1), 1982; Flegal & Jones,
Batch Means and Spectral Variance Estimators in Markov Chain Monte Carlo, Annals of Statistics 38(2), 2010.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

STRETCHES = 20  # of the recording, for the batch means: each must outlast what hangs together
STEPS = 40
ROUNDS = 6  # of a descent and new σ and c
SETTLED = 0.05  # σ and c have, when they change by less than this share
LEAST_FALL = 0.01  # of L, in nats
LARGEST_STEP = 1.0  # in prior deviations, of any latent
EDGE = 3.0  # no latent goes further: there lies the prior's last 0.3 %

Array = npt.NDArray[np.float64]
Linearised = Callable[[Array], tuple[Array, Array]]


class Slope(NamedTuple):
    """The residuals' share of L near a point, per independent window.

    Args:
        loss: L without the prior.
        gradient: (latents,), uphill.
        curvature: (latents, latents), A/c.
        scores: (stretches, latents), the gradient's parts.
    """

    loss: float
    gradient: Array
    curvature: Array
    scores: Array


class Peak(NamedTuple):
    """Where the posterior peaks.

    Args:
        latents: (latents,).
        covariance: (latents, latents) of their error.
        deviation: (outputs,) of the residuals.
        correlated: c, windows that say what one independent window would.
        evaluations: of the residuals.
    """

    latents: Array
    covariance: Array
    deviation: Array
    correlated: float
    evaluations: int


def slope(residuals: Array, jacobian: Array, deviation: Array, correlated: float) -> Slope:
    """Args: residuals (windows, outputs) label less answer, the answers' jacobian (windows, outputs, latents)."""
    r, j = residuals / deviation, jacobian / deviation[:, None]
    each = -np.einsum("wo,wol->wl", r, j) / correlated
    edges = np.linspace(0, len(r), min(STRETCHES, len(r)) + 1).astype(int)[:-1]
    scores = np.add.reduceat(each, edges, axis=0)
    flat = j.reshape(-1, j.shape[2])
    loss = float(np.square(r).sum()) / correlated / 2
    return Slope(loss, each.sum(0), flat.T @ flat / correlated, scores)


def climb(linearised: Linearised, start: Array) -> Peak:
    """The posterior's peak, from ``start``.

    Args:
        linearised: latents (latents,) → residuals (windows, outputs) and the answers' jacobian (windows, outputs,
            latents), float64.
        start: (latents,).
    """
    peak = Peak(start, np.eye(len(start)), _deviation(linearised(start)[0]), 1.0, 1)
    for _ in range(ROUNDS):
        before, peak = peak, descend(linearised, peak)
        residuals, jacobian = linearised(peak.latents)
        deviation = _deviation(residuals)
        correlated = peak.correlated * _inflation(slope(residuals, jacobian, deviation, peak.correlated))
        changes = np.append(deviation / before.deviation, correlated / before.correlated) - 1
        peak = peak._replace(deviation=deviation, correlated=correlated)
        if np.abs(changes).max() < SETTLED:
            break
    return peak


def descend(linearised: Linearised, start: Peak) -> Peak:
    """Levenberg-Marquardt with the deviation and the c of ``start``."""
    z, evaluations, damping = start.latents, 1, 1e-3
    here = slope(*linearised(z), start.deviation, start.correlated)
    for _ in range(STEPS):
        curvature = here.curvature + np.eye(len(z))
        uphill = here.gradient + z
        step = -np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), uphill)
        step *= min(1.0, LARGEST_STEP / max(float(np.abs(step).max()), 1e-12))
        step = np.clip(z + step, -EDGE, EDGE) - z
        there = slope(*linearised(z + step), start.deviation, start.correlated)
        evaluations += 1
        fall = here.loss - there.loss - float(step @ (2 * z + step)) / 2
        if fall > 0:
            z, here, damping = z + step, there, max(damping / 5, 1e-9)
        else:
            damping *= 10
        if abs(fall) < LEAST_FALL or damping > 1e8:
            break
    return start._replace(
        latents=z,
        covariance=_covariance(here),
        evaluations=start.evaluations + evaluations,
    )


def errors(residuals: Array, jacobian: Array, truth: Array, correlated: float) -> Array:
    """How far the peak lies from the ``truth`` (latents,) that residuals and jacobian belong to, in its deviations.

    To first order: one step of Gauss-Newton from the truth, which costs one evaluation where ``climb`` costs dozens.
    """
    deviation = _deviation(residuals)
    correlated *= _inflation(slope(residuals, jacobian, deviation, correlated))
    here = slope(residuals, jacobian, deviation, correlated)
    step = -np.linalg.solve(here.curvature + np.eye(len(truth)), here.gradient + truth)
    return np.asarray(step / np.sqrt(np.diag(_covariance(here))))


def _covariance(here: Slope) -> Array:
    precision = here.curvature + np.eye(len(here.curvature))
    spread = _variability(here) + np.eye(len(here.curvature))
    covariance = np.linalg.solve(precision, np.linalg.solve(precision, spread).T)
    return (covariance + covariance.T) / 2


def _deviation(residuals: Array) -> Array:
    return np.maximum(np.sqrt(np.square(residuals).mean(0)), 1e-9)


def _variability(here: Slope) -> Array:
    """B/c²: covariance of the gradient, from its parts."""
    apart = here.scores - here.scores.mean(0)
    count = len(apart)
    return apart.T @ apart * (count / max(count - 1, 1))


def _inflation(here: Slope) -> float:
    """By how much the gradient varies more than independent windows' would, where something was learned."""
    learned = here.curvature + np.eye(len(here.curvature))
    found = np.trace(np.linalg.solve(learned, _variability(here)))
    return float(max(1.0, found / max(np.trace(np.linalg.solve(learned, here.curvature)), 1e-12)))
