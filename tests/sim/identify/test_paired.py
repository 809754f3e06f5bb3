"""Paired identification finds what made a recording, says how sure it is, and refuses what it cannot fit."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.identify import paired
from sim.identify.recordings import free, placed
from sim.priors import Prior
from sim.worlds.pendulum import PRIOR, pendulum
from slipway.errors import Reason, Refused
from slipway.windows import Targets, Values

FLIGHTS = 21  # of 12 windows
ROUNDS = 17  # of as many devices as a fit simulates, so that one program makes both: 204 draws
WORLD = pendulum(31, flight_count=paired.RECORDINGS * FLIGHTS)
QUIET = {
    "length_1_m": 0.2, "length_2_m": 0.3, "mass_1_kg": 0.6, "com_1_m": 0.2, "rotor_kg_m2": 3e-5, "slip_rad_s": 0.3,
    "load_loss_1": 0.05, "load_loss_2": 0.05, "torque_gain_1": 1.0, "torque_gain_2": 1.0,
    "torque_noise_n_m": 0.2, "slack_rad": 2e-5, "velocity_noise_rad_s": 0.01,
    "drive_n_m": 0.5, "drive_hz": 0.7, "pump_n_m": 0.02, "hold_n_m_rad": 0.5, "limit_n_m": 3.0, "start_rad": 0.4,
    "start_rad_s": 1.0,
}  # fmt: skip
BENCH: Prior = PRIOR.replace(**QUIET)
NAMES = [one.parameter.name for one in free(BENCH)]


def recordings(number: int) -> Iterator[tuple[np.ndarray, Values, Targets]]:
    """Devices drawn from the bench's prior (their latents), and what was recorded of each."""
    drawing, flying = jax.random.split(jax.random.fold_in(jax.random.key(11), number))
    latents = np.asarray(jax.random.normal(drawing, (paired.RECORDINGS, len(NAMES))))
    made = WORLD.simulate(flying, placed(BENCH, jnp.asarray(np.repeat(latents, FLIGHTS, axis=0))))
    values, labels = (np.asarray(part).reshape(len(latents), -1, *part.shape[1:]) for part in made)
    return zip(latents, values, labels, strict=True)


@pytest.fixture(scope="module")
def known() -> tuple[np.ndarray, Values, Targets]:
    return next(recordings(0))


def _reason(world: object, values: object, labels: object) -> tuple[Reason, str]:
    with pytest.raises(Refused) as caught:
        paired.fit(world, values, labels, prior=BENCH)  # type: ignore[arg-type]
    return caught.value.reason, str(caught.value)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_intervals_of_ninety_percent_hold_ninety_percent() -> None:
    narrow, inside = [], []
    drawn = chain.from_iterable(recordings(number) for number in range(ROUNDS))
    for number, (latents, values, labels) in enumerate(drawn):
        peak = paired.solve(WORLD, BENCH, values, labels)
        wider = paired.widened(WORLD, BENCH, peak, len(values), number)
        error = np.abs(peak.latents - latents)
        narrow.append(error < 1.645 * np.sqrt(np.diag(peak.covariance)))
        inside.append(error < 1.645 * np.sqrt(np.diag(wider.covariance)))
    assert 0.85 <= np.mean(inside) <= 0.95
    assert np.mean(inside, axis=0).min() >= 0.8
    assert np.mean(narrow) < 0.85  # noise and blur in the windows bend the fit, which residuals alone do not tell


def test_the_posterior_is_the_next_prior(known: tuple[np.ndarray, Values, Targets]) -> None:
    _, values, labels = known
    peak = paired.solve(WORLD, BENCH, values, labels)
    after, marginals = paired.posterior(BENCH, peak)
    assert [m.name for m in marginals] == NAMES
    assert Prior.from_json(after.to_json(), after.parameters) == after
    drawn = after.sample(jax.random.key(0), 4000)
    for found in marginals:
        low, high = np.quantile(np.asarray(drawn[found.name]), (0.05, 0.95))
        width = found.high - found.low
        assert low == pytest.approx(found.low, abs=0.1 * width) and high == pytest.approx(found.high, abs=0.1 * width)
    assert {"delay_s", "com_2_m", "dry_2_n_m"} <= {m.name for m in marginals if m.determined}


def test_a_longer_recording_says_more(known: tuple[np.ndarray, Values, Targets]) -> None:
    _, values, labels = known
    short, long = (paired.solve(WORLD, BENCH, values[:n], labels[:n]) for n in (60, 240))
    assert np.trace(long.covariance) < 0.8 * np.trace(short.covariance)


def test_windows_repeated_say_no_more(known: tuple[np.ndarray, Values, Targets]) -> None:
    _, values, labels = known
    once = paired.solve(WORLD, BENCH, values, labels)
    often = paired.solve(WORLD, BENCH, np.repeat(values, 5, axis=0), np.repeat(labels, 5, axis=0))
    assert often.correlated > 2.5 * once.correlated
    assert np.trace(often.covariance) > 0.8 * np.trace(once.covariance)


def test_what_cannot_be_identified_from_is_refused(known: tuple[np.ndarray, Values, Targets]) -> None:
    _, values, labels = known
    broken = values.copy()
    broken[3, 2, 1] = np.nan
    silent = np.full_like(labels, np.nan)
    assert _reason(replace(WORLD, explain=None), values, labels)[0] == Reason.FIELD_INVALID
    assert _reason(WORLD, values[..., :3], labels)[0] == Reason.WINDOW_SHAPE_MISMATCH
    assert _reason(WORLD, broken, labels)[0] == Reason.SAMPLE_NOT_FINITE
    assert _reason(WORLD, values, silent)[0] == Reason.LABELS_MISSING
    assert "Record longer" in _reason(WORLD, values[:20], labels[:20])[1]
    still = np.repeat(values[:1, :1], 100, axis=0).repeat(31, axis=1)
    assert "at rest" in _reason(WORLD, still, labels[:100])[1]
