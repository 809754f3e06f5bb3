"""The peak is found within the prior's reach, and its covariance holds where residuals hang together."""

import numpy as np
import pytest

from sim.identify.gauss_newton import Array, Linearised, Peak, climb

WINDOWS, LATENTS = 600, 4


def _line(seed: int, keep: float) -> tuple[Array, Peak]:
    """A straight model whose truth is drawn from the prior; its noise remembers ``keep`` of the last window's."""
    chance = np.random.default_rng(seed)
    truth, matrix = chance.normal(size=LATENTS), chance.normal(size=(WINDOWS, 2, LATENTS))
    slow = np.cumsum(matrix, axis=0)
    matrix = slow - np.concatenate([np.zeros((25, 2, LATENTS)), slow[:-25]])  # signals hang together as well
    noise = chance.normal(size=(WINDOWS, 2))
    for window in range(1, WINDOWS):
        noise[window] = keep * noise[window - 1] + np.sqrt(1 - keep**2) * noise[window]
    labels = matrix @ truth + 10 * noise

    def linearised(latents: Array) -> tuple[Array, Array]:
        return labels - matrix @ latents, matrix

    return truth, climb(linearised, np.zeros(LATENTS))


@pytest.mark.parametrize("keep", [0.0, 0.8])
def test_intervals_of_ninety_percent_hold_ninety_percent(keep: float) -> None:
    inside = []
    for seed in range(200):
        truth, peak = _line(seed, keep)
        inside.append(np.abs(peak.latents - truth) < 1.645 * np.sqrt(np.diag(peak.covariance)))
    assert 0.85 <= np.mean(inside) <= 0.95


def test_residuals_that_hang_together_count_for_less() -> None:
    assert _line(0, 0.8)[1].correlated > 2 * _line(0, 0.0)[1].correlated


def test_what_says_nothing_leaves_the_prior() -> None:
    labels = np.random.default_rng(0).normal(size=(200, 2))

    def linearised(latents: Array) -> tuple[Array, Array]:
        return labels, np.zeros((200, 2, LATENTS))

    peak = climb(linearised, np.zeros(LATENTS))
    np.testing.assert_allclose(peak.latents, 0)
    np.testing.assert_allclose(peak.covariance, np.eye(LATENTS))


def _bent(start: float) -> float:
    x = np.linspace(0, 2, 300)[:, None]
    labels = np.exp(-1.5 * x)

    def linearised(latents: Array) -> tuple[Array, Array]:
        answer = np.exp(-np.exp(latents[0]) * x)
        return labels - answer, (-np.exp(latents[0]) * x * answer)[..., None]

    found: Linearised = linearised
    return float(np.exp(climb(found, np.asarray([start])).latents[0]))


@pytest.mark.parametrize("start", [-2.0, 0.0, 2.0])
def test_a_bent_model_is_followed_from_afar(start: float) -> None:
    assert _bent(start) == pytest.approx(1.5, rel=1e-2)
