"""Parameters are found again in recordings that were simulated with them, and the intervals hold what they promise."""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from jax.scipy.special import ndtr

from sim.identify.fit import Fit
from sim.identify.recordings import Recordings, free, placed, simulate
from sim.identify.unpaired import FLIGHTS, Identifier, answer, check_sensor_agrees, fit
from sim.priors import Choice, Constant, Group, Prior, Quantiles, Uniform
from slipway.errors import Reason, Refused
from slipway.spec import Channel, SensorSpec
from tests.sim.identify.device import DEVICE, PARAMETERS, SENSOR, WORLD

DRAWS, MANY = 200, 2000
COLUMN = {one.parameter.name: one.columns.start for one in free(WORLD.prior)}
TRUTH = {"gain": 0.8, "noise": 0.1, "loudness": 1.2}


def recording(slowest: float = 1.8, fastest: float = 2.2) -> npt.NDArray[np.float32]:
    """Windows of one device, whose pace varies from flight to flight."""
    prior = WORLD.prior.replace(**TRUTH, pace=Uniform(slowest, fastest))
    drawn = prior.sample(jax.random.key(11), FLIGHTS)
    drawn["offset"] = jnp.broadcast_to(jnp.array([[0.5, -1.5]]), (FLIGHTS, 2))
    return np.array(WORLD.simulate(jax.random.key(11), drawn)[0])


@pytest.fixture(scope="module")
def fresh(trained: Identifier) -> Recordings:
    return simulate(WORLD, WORLD.prior, DEVICE, jax.random.key(77), MANY, trained.flight_count)


@pytest.fixture(scope="module")
def found(trained: Identifier) -> Fit:
    return answer(trained, recording())


def held(trained: Identifier, made: Recordings, low: float, high: float) -> npt.NDArray[np.bool_]:
    """Which latents (recordings, latents) lie in their interval."""
    edges, place = trained.places(made.statistics, (low, high)), np.asarray(ndtr(made.latents))
    return (edges[..., 0] <= place) & (place <= edges[..., 1])


def test_ninety_percent_intervals_hold_ninety_percent_of_the_time(trained: Identifier, fresh: Recordings) -> None:
    """Over 200 draws together; over 2,000, where chance is small, for every parameter by itself."""
    found = held(trained, fresh, 0.05, 0.95)
    assert 0.85 <= found[:DRAWS].mean() <= 0.95
    assert ((found.mean(axis=0) >= 0.85) & (found.mean(axis=0) <= 0.95)).all(), found.mean(axis=0)


def test_half_of_them_lie_in_the_middle_half(trained: Identifier, fresh: Recordings) -> None:
    assert np.abs(held(trained, fresh, 0.25, 0.75).mean(axis=0) - 0.5).max() < 0.06


def test_intervals_that_are_too_narrow_or_too_wide_would_be_caught(trained: Identifier, fresh: Recordings) -> None:
    assert held(trained, fresh, 0.1, 0.9)[:DRAWS].mean() < 0.85
    assert held(trained, fresh, 0.01, 0.99)[:DRAWS].mean() > 0.95


def test_correlated_parameters_are_narrow_together(trained: Identifier, fresh: Recordings) -> None:
    """Gain and loudness apart are open, their product is known: the copula carries that, the marginals cannot."""
    after = trained.fitted(fresh.statistics[0])
    drawn = after.sample(jax.random.key(0), 2000)
    product = np.log(np.asarray(drawn["gain"] * drawn["loudness"]))
    alone = np.log(np.asarray(drawn["gain"])).std()
    assert product.std() < 0.4 * alone
    truth = placed(WORLD.prior, jnp.asarray(fresh.latents[:1]))
    assert abs(product.mean() - float(jnp.log(truth["gain"] * truth["loudness"])[0])) < 4 * product.std()


def test_what_the_recording_tells_is_determined_and_nothing_else(found: Fit) -> None:
    told = {marginal.name: marginal.determined for marginal in found.marginals}
    assert told["noise"] and told["offset[0]"] and told["offset[1]"]
    assert not told["colour"]


def test_the_truth_is_found(found: Fit) -> None:
    marginals = {marginal.name: marginal for marginal in found.marginals}
    for name, truth in {"noise": 0.1, "offset[0]": 0.5, "offset[1]": -1.5}.items():
        width = marginals[name].high - marginals[name].low
        assert marginals[name].low - width / 2 < truth < marginals[name].high + width / 2, name


def test_a_habit_is_learned_as_what_the_next_flight_may_be(trained: Identifier) -> None:
    """The same paces in a steady and in a changing recording: only the steady one tells the next flight's."""
    steady, changing = recording(), recording(slowest=0.6, fastest=2.9)
    pace = [next(m for m in answer(trained, v).marginals if m.name == "pace") for v in (steady, changing)]
    assert pace[0].shrinkage < pace[1].shrinkage - 0.1
    assert pace[0].low < 2.0 < pace[0].high


def test_the_posterior_is_a_prior_of_the_same_world(found: Fit) -> None:
    assert found.prior.parameters == WORLD.prior.parameters
    assert isinstance(found.prior["noise"], Quantiles)
    assert found.prior["limit"] == Constant(20.0)
    again = Prior.from_json(found.prior.to_json(), WORLD.prior.parameters)
    assert again == found.prior
    assert np.isfinite(np.asarray(WORLD.simulate(jax.random.key(0), again.sample(jax.random.key(0), 64))[0])).all()


def test_a_recording_of_the_simulator_is_in_reach(found: Fit) -> None:
    assert found.reach.inside and not found.reach.broken


def test_the_same_seed_gives_the_same_fit() -> None:
    one, two = (fit(WORLD, recording(), names=DEVICE, simulations=500, seed=5, flights=4) for _ in range(2))
    assert one.prior == two.prior and one.reach == two.reach and one.marginals == two.marginals


def test_progress_rises_to_nearly_one() -> None:
    seen: list[float] = []
    fit(WORLD, recording(), simulations=500, flights=4, progress=seen.append)
    assert seen == sorted(seen) and seen[0] > 0 and 0.6 < seen[-1] <= 1


def test_a_choice_stays_a_choice_and_groups_of_the_prior_are_heard() -> None:
    group = Group.of(("gain", "noise"), [[1.0, 0.8], [0.8, 1.0]])
    base = WORLD.prior.replace(loudness=Choice((0.5, 1.0, 2.0), (1.0, 1.0, 1.0)))
    prior = Prior(base.parameters, base.distributions, (group,))
    found = fit(WORLD, recording(), names=DEVICE, prior=prior, simulations=500, flights=4)
    loudness = found.prior["loudness"]
    assert isinstance(loudness, Choice) and sum(loudness.weights) == pytest.approx(1, abs=0.01)
    made = simulate(WORLD, prior, DEVICE, jax.random.key(0), 1000, 4).latents
    assert np.corrcoef(made[:, COLUMN["gain"]], made[:, COLUMN["noise"]])[0, 1] == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    ("options", "field", "said"),
    [
        ({"names": ["gian"]}, "names.gian", "gain"),
        ({"prior": Prior(PARAMETERS, tuple(Constant(1.0) for _ in PARAMETERS))}, "prior", "range"),
        ({"simulations": 10}, "simulations", "500"),
        ({"flights": 1}, "flights", "4"),
        ({"prior": Prior(WORLD.prior.parameters[:1], WORLD.prior.distributions[:1])}, "prior", "replace"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, object], field: str, said: str) -> None:
    with pytest.raises(Refused) as refusal:
        fit(WORLD, recording(), **options)  # type: ignore[arg-type]
    assert refusal.value.reason is Reason.FIELD_INVALID
    assert field in str(refusal.value) and said in str(refusal.value)


def test_a_prior_outside_physical_bounds_is_refused() -> None:
    with pytest.raises(Refused, match="gain"):
        fit(WORLD, recording(), prior=WORLD.prior.replace(gain=Uniform(0.5, 50.0)))


def test_a_recording_that_is_too_short_hears_how_long_it_must_be() -> None:
    with pytest.raises(Refused, match=r"64 windows or more.*63"):
        fit(WORLD, recording()[:63])


def test_a_recording_of_another_shape_or_with_gaps_is_refused() -> None:
    values = recording()
    with pytest.raises(Refused) as refusal:
        fit(WORLD, values[..., :1])
    assert refusal.value.reason is Reason.WINDOW_SHAPE_MISMATCH
    values[3, 2, 1] = np.nan
    with pytest.raises(Refused, match=r"window 3.*sample 2.*acc_y"):
        fit(WORLD, values)


@pytest.mark.parametrize(
    ("sensor", "reason"),
    [
        (SensorSpec(SENSOR.channels, 50.0, 16), Reason.RATE_MISMATCH),
        (SensorSpec(SENSOR.channels, 20.0, 8), Reason.WINDOW_SHAPE_MISMATCH),
        (SensorSpec((Channel("acc_x", "m/s2"), Channel("acc_y", "[g]")), 20.0, 16), Reason.SENSOR_MISMATCH),
    ],
)
def test_a_recording_of_another_sensor_is_refused(sensor: SensorSpec, reason: Reason) -> None:
    with pytest.raises(Refused) as refusal:
        check_sensor_agrees(sensor, SENSOR)
    assert refusal.value.reason is reason
    check_sensor_agrees(SENSOR, SENSOR)
