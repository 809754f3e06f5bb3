"""A prior is a value: it samples, prints, survives JSON and refuses what is not physical."""

import json

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.priors import (
    Between,
    Choice,
    Constant,
    Distribution,
    LogUniform,
    Normal,
    Parameter,
    Prior,
    Quantiles,
    Scaled,
    Shifted,
    Uniform,
)
from sim.sound import DEPTH_LIMIT, VALUE_LIMIT
from sim.worlds import rover
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
    kinds += [Choice((low, high), (weights[0], weights[1])), Quantiles(tuple(sorted((low, mean, high))))]
    base = draw(st.sampled_from(kinds))
    ends = sorted((draw(st.floats(0, 1)), draw(st.floats(0, 1))))
    turned = Shifted(Scaled(base, -0.5), 1.0)  # stays within the bounds
    return draw(st.sampled_from([base, Between(base, *ends), Scaled(base, 0.9), turned]))


def quantiles(distribution: Distribution) -> np.ndarray:
    return np.asarray(distribution.quantile(np.linspace(0.001, 0.999, 400, dtype=np.float32)))


@given(distribution=distributions())
def test_a_prior_survives_json(distribution: Distribution) -> None:
    prior = PRIOR.replace(speed_m_s=distribution)
    assert Prior.from_json(json.loads(json.dumps(prior.to_json())), prior.parameters) == prior


@settings(max_examples=40)
@given(distribution=distributions(), seed=st.integers(0, 1000))
def test_samples_stay_within_the_support(distribution: Distribution, seed: int) -> None:
    found = PRIOR.replace(speed_m_s=distribution).sample(jax.random.key(seed), 64)["speed_m_s"]
    low, high = distribution.support()
    assert np.all(np.isfinite(found)) and np.all(found >= low - 1e-5) and np.all(found <= high + 1e-5)


@settings(max_examples=60)
@given(distribution=distributions())
def test_a_quantile_never_falls_as_the_chance_rises(distribution: Distribution) -> None:
    assert np.all(np.diff(quantiles(distribution)) >= -1e-6)


def test_draws_are_those_of_older_jobs_bit_for_bit() -> None:
    """The numbers that the rover's prior drew before there were groups; a stored job must draw them for ever."""
    found = rover.PRIOR.sample(jax.random.key(11), 7)
    assert found["speed_m_s"][:2].tolist() == [0.28174343705177307, 0.18245472013950348]
    assert found["drift_rad_s"][:2].tolist() == [0.013677669689059258, -0.03595705330371857]
    assert found["dropout_share"][:2].tolist() == [0.24300187826156616, 0.09525635093450546]


def test_a_distribution_made_from_another_has_the_quantiles_it_promises() -> None:
    base = Uniform(0.2, 0.6)
    assert np.allclose(quantiles(Scaled(base, 2.0)), 2 * quantiles(base))
    assert np.allclose(quantiles(Scaled(base, -2.0)), -2 * quantiles(base)[::-1])
    assert np.allclose(quantiles(Shifted(base, 1.5)), 1.5 + quantiles(base))
    assert np.allclose(quantiles(Between(base, 0.25, 0.75)), quantiles(Uniform(0.3, 0.5)))
    assert Between(base, 0.25, 0.75).support() == pytest.approx((0.3, 0.5))


def test_all_of_a_distribution_draws_what_it_draws_bit_for_bit() -> None:
    whole = PRIOR.replace(gain=Between(PRIOR["gain"], 0.0, 1.0))
    assert np.array_equal(whole.sample(KEY, 64)["gain"], PRIOR.sample(KEY, 64)["gain"])


def test_quantiles_are_straight_lines_through_their_values() -> None:
    found = Quantiles((0.0, 1.0, 5.0)).quantile(np.asarray([0.0, 0.25, 0.5, 0.75, 1.0], np.float32))
    assert np.allclose(found, [0.0, 0.5, 1.0, 3.0, 5.0])


def test_parameters_are_set_scaled_and_shifted_by_name() -> None:
    changed = PRIOR.set("speed_m_s", to=0.5).scale("speed_m_s", "gain", by=1.1).shift("gain", by=-0.1)
    assert float(changed.centre()["speed_m_s"]) == pytest.approx(0.55)
    assert np.allclose(changed.centre()["gain"], 1.0)
    assert changed["gain"] == Shifted(Scaled(PRIOR["gain"], 1.1), -0.1)


def test_a_constant_takes_random_factors_and_offsets() -> None:
    nominal = PRIOR.set("speed_m_s", to=0.5)
    assert nominal.scale("speed_m_s", by=Uniform(0.8, 1.2))["speed_m_s"].support() == pytest.approx((0.4, 0.6))
    assert nominal.shift("speed_m_s", by=Uniform(-0.1, 0.2))["speed_m_s"].support() == pytest.approx((0.4, 0.7))
    with pytest.raises(Refused, match="only a constant"):
        PRIOR.scale("gain", by=Uniform(0.9, 1.1))


def test_a_change_that_leaves_the_physical_bounds_is_refused() -> None:
    with pytest.raises(Refused, match=r"prior\.speed_m_s.*0\.01 to 2 m/s"):
        PRIOR.scale("speed_m_s", by=10)


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
        Choice(0.5, (1.0,)),  # type: ignore[arg-type]
        Uniform((0.1, 0.2), 0.4),  # type: ignore[arg-type]
        Constant(10**400),
        Quantiles((0.5,)),
        Quantiles((0.5, 0.2)),
        Quantiles((0.1, 3.0)),
        Scaled(Uniform(0.1, 0.4), 10.0),
        Scaled(Uniform(0.4, 0.1), 1.0),
        Scaled("fast", 1.0),  # type: ignore[arg-type]
        Shifted(Uniform(0.1, 0.4), float("nan")),
        Between(Uniform(0.1, 0.4), 0.6, 0.4),
        Between(Uniform(0.1, 0.4), 0.0, 1.1),
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
        ({**PRIOR.to_json(), "gain": {"kind": "Constant", "value": [1.0, 1.0]}}, "prior.gain"),
        ({**PRIOR.to_json(), "gain": {"kind": ["Constant"], "value": 1.0}}, "prior.gain"),
        ({**PRIOR.to_json(), "gain": {"kind": "Scaled", "base": 1.0, "factor": 1.0}}, "prior.gain.base"),
        ({**PRIOR.to_json(), "gain": {"kind": "Quantiles", "values": 1.0}}, "prior.gain.values"),
        ({**PRIOR.to_json(), "gain": {"kind": "Quantiles", "values": [[1.0, 1.1]]}}, "prior.gain"),
    ],
)
def test_json_that_is_no_prior_is_refused(value: object, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        Prior.from_json(value, PRIOR.parameters)
    assert refusal.value.field == field


def _nested(depth: int) -> dict[str, object]:
    value: dict[str, object] = {"kind": "Constant", "value": 1.0}
    for _ in range(depth - 1):
        value = {"kind": "Scaled", "base": value, "factor": 1.0}
    return value


def test_json_from_outside_has_limits() -> None:
    """What is allowed is read; one more is refused before it is built."""
    deepest = Prior.from_json({**PRIOR.to_json(), "gain": _nested(DEPTH_LIMIT)}, PRIOR.parameters)
    longest = {"kind": "Quantiles", "values": [1.0] * VALUE_LIMIT}
    assert np.allclose(deepest.centre()["gain"], 1.0)
    assert Prior.from_json({**PRIOR.to_json(), "gain": longest}, PRIOR.parameters)["gain"].support() == (1.0, 1.0)
    longer = {"kind": "Quantiles", "values": [1.0] * (VALUE_LIMIT + 1)}
    for value in (_nested(DEPTH_LIMIT + 1), _nested(300), longer):
        with pytest.raises(Refused) as refusal:
            Prior.from_json({**PRIOR.to_json(), "gain": value}, PRIOR.parameters)
        assert refusal.value.reason is Reason.LIMIT_EXCEEDED and refusal.value.field.startswith("prior.gain")
