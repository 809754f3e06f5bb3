"""A prior is a value: it samples, prints, survives JSON and refuses what is not physical."""

import json

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.priors import Choice, Constant, Distribution, LogUniform, Normal, Parameter, Prior, Uniform
from slipway.errors import Reason, Refused

SPEED = Parameter("speed_m_s", "m/s", 0.01, 2.0, "how fast")
GAIN = Parameter("gain", "1", 0.5, 2.0, "each sensor's gain", size=3)
PRIOR = Prior((SPEED, GAIN), (Uniform(0.1, 0.4), Normal(1.0, 0.1, 0.8, 1.2)))
KEY = jax.random.key(3)

numbers = st.floats(0.02, 1.9)


@st.composite
def distributions(draw: st.DrawFn) -> Distribution:
    low, high = sorted((draw(numbers), draw(numbers)))
    mean, deviation = draw(numbers), draw(numbers)
    weights = draw(st.lists(st.floats(0.1, 1.0), min_size=2, max_size=2))
    kinds = [Constant(low), Uniform(low, high), LogUniform(low, high), Normal(mean, deviation, low, high)]
    return draw(st.sampled_from([*kinds, Choice((low, high), (weights[0], weights[1]))]))


@given(distribution=distributions())
def test_a_prior_survives_json(distribution: Distribution) -> None:
    prior = PRIOR.replace(speed_m_s=distribution)
    assert Prior.from_json(json.loads(json.dumps(prior.to_json())), prior.parameters) == prior


@settings(max_examples=40, deadline=None)
@given(distribution=distributions(), seed=st.integers(0, 1000))
def test_samples_stay_within_the_support(distribution: Distribution, seed: int) -> None:
    found = PRIOR.replace(speed_m_s=distribution).sample(jax.random.key(seed), 64)["speed_m_s"]
    low, high = distribution.support()
    assert np.all(np.isfinite(found)) and np.all(found >= low - 1e-5) and np.all(found <= high + 1e-5)


def test_a_sample_has_one_row_a_draw_and_one_column_a_part() -> None:
    found = PRIOR.sample(KEY, 5)
    assert found["speed_m_s"].shape == (5,) and found["gain"].shape == (5, 3)


def test_the_same_key_draws_the_same() -> None:
    first, second = PRIOR.sample(KEY, 8), PRIOR.sample(KEY, 8)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_parameter_draws_by_its_own_name_alone() -> None:
    """So a prior can grow without moving what older jobs drew."""
    alone = Prior((SPEED,), (PRIOR["speed_m_s"],)).sample(KEY, 8)["speed_m_s"]
    assert np.array_equal(alone, PRIOR.sample(KEY, 8)["speed_m_s"])


@pytest.mark.parametrize(
    ("distribution", "mean", "deviation"),
    [
        (Uniform(0.2, 0.8), 0.5, 0.6 / np.sqrt(12)),
        (Normal(1.0, 0.1, 0.1, 1.9), 1.0, 0.1),
        (Choice((0.5, 1.5), (3.0, 1.0)), 0.75, np.sqrt(3) / 4),
        (Constant(0.7), 0.7, 0.0),
        (LogUniform(0.1, 1.0), 0.9 / np.log(10), 0.2442),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_distribution_has_the_moments_it_promises(distribution: Distribution, mean: float, deviation: float) -> None:
    found = PRIOR.replace(speed_m_s=distribution).sample(KEY, 100_000)["speed_m_s"]
    assert np.mean(found) == pytest.approx(mean, abs=0.005)
    assert np.std(found) == pytest.approx(deviation, abs=0.005)


def test_the_centre_is_the_median() -> None:
    centre = PRIOR.centre()
    assert float(centre["speed_m_s"]) == pytest.approx(0.25)
    assert centre["gain"].shape == (3,) and np.allclose(centre["gain"], 1.0)


def test_replacing_leaves_the_old_prior_alone() -> None:
    changed = PRIOR.replace(speed_m_s=0.3)
    assert changed["speed_m_s"] == Constant(0.3)
    assert PRIOR["speed_m_s"] == Uniform(0.1, 0.4)
    assert hash(PRIOR) != hash(changed)


def test_a_prior_prints_every_parameter_with_its_unit_and_meaning() -> None:
    assert "speed_m_s  Uniform(low=0.1, high=0.4)  [m/s]  how fast" in str(PRIOR).splitlines()


@pytest.mark.parametrize(
    "bad",
    [
        Uniform(0.001, 0.4),  # below the physical bound
        Uniform(0.1, 9.0),  # above it
        Uniform(0.4, 0.1),
        LogUniform(0.0, 1.0),
        Normal(0.5, 0.0, 0.1, 1.0),
        Uniform(0.1, float("nan")),
        Constant(float("inf")),
        Choice((), ()),
        Choice((0.5,), (-1.0,)),
        "fast",
    ],
    ids=str,
)
def test_what_is_not_physical_is_refused(bad: Distribution) -> None:
    with pytest.raises(Refused) as refusal:
        PRIOR.replace(speed_m_s=bad)
    assert refusal.value.reason is Reason.FIELD_INVALID
    assert refusal.value.field == "prior.speed_m_s"
    assert refusal.value.remedy


def test_an_unknown_parameter_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(Refused, match=r"prior\.sped.*gain, speed_m_s"):
        PRIOR.replace(sped=0.3)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (7, "prior"),
        ({"speed_m_s": {"kind": "Uniform", "low": 0.1, "high": 0.2}}, "prior.gain"),
        ({**PRIOR.to_json(), "mass": {"kind": "Constant", "value": 1}}, "prior.mass"),
        ({**PRIOR.to_json(), "gain": {"kind": "Cauchy"}}, "prior.gain"),
        ({**PRIOR.to_json(), "gain": {"kind": "Uniform", "low": 1.0}}, "prior.gain"),
        ({**PRIOR.to_json(), "gain": {"kind": "Constant", "value": "much"}}, "prior.gain"),
    ],
)
def test_json_that_is_no_prior_is_refused(value: object, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        Prior.from_json(value, PRIOR.parameters)
    assert refusal.value.field == field
