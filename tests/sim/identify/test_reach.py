"""The simulator's own recordings are in reach as often as promised; a broken channel is named, and only that one."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from sim.identify.reach import compare, reach
from sim.identify.recordings import simulate
from sim.priors import Parameters, Prior, Uniform
from sim.world import Key, Made, World
from tests.sim.identify.device import DEVICE, WINDOWS, WORLD

FLIGHTS = 8
KNOWN = WORLD.prior.replace(
    gain=Uniform(0.9, 1.1), loudness=Uniform(0.9, 1.1), noise=Uniform(0.1, 0.2), offset=Uniform(0.4, 0.8)
)
LEVEL = KNOWN.replace(offset=Uniform(-0.1, 0.1))


def recording(prior: Prior = KNOWN, seed: int = 0) -> np.ndarray:
    """Windows of one device of ``prior``."""
    drawn = prior.sample(jax.random.key(seed), 1)
    flights = {name: np.repeat(np.asarray(value), FLIGHTS, axis=0) for name, value in drawn.items()}
    flights["pace"] = np.asarray(prior.sample(jax.random.key(seed + 1), FLIGHTS)["pace"])
    return np.array(WORLD.simulate(jax.random.key(seed), flights)[0])


def test_p_values_of_the_simulators_own_recordings_are_uniform() -> None:
    made = simulate(WORLD, WORLD.prior, DEVICE, jax.random.key(4), 1400, FLIGHTS).statistics
    found = [compare(WORLD, WINDOWS, one, made[400:]).reach for one in made[:400]]
    whole = np.array([one.p_value for one in found])
    assert 0.02 <= (whole < 0.05).mean() <= 0.09
    assert np.abs(np.sort(whole) - np.linspace(0, 1, 400)).max() < 0.12  # Kolmogorov-Smirnov, with a shared ruler
    assert np.mean([bool(one.broken) for one in found]) <= 0.09


def broken(kind: str) -> np.ndarray:
    values = recording()
    match kind:
        case "sign":
            values[..., 1] *= -1
        case "unit":
            values[..., 1] /= 9.80665
        case "stuck":
            values[..., 1] = 0.6
        case "late":
            values[..., 1] = np.roll(values[..., 1].reshape(-1), 3).reshape(values.shape[:2])
    return values


@pytest.mark.parametrize(
    ("kind", "said"), [("sign", "turned round"), ("unit", "in g instead of m/s2"), ("stuck", "stuck")]
)
def test_a_broken_channel_is_named_with_what_is_wrong(kind: str, said: str) -> None:
    found = reach(WORLD, KNOWN, broken(kind), names=DEVICE, flights=FLIGHTS)
    assert not found.inside
    assert found.broken[0] == "acc_y" and said in found.words["acc_y"]


def test_a_whole_recording_is_in_reach() -> None:
    found = reach(WORLD, KNOWN, broken("nothing"), names=DEVICE, flights=FLIGHTS)
    assert found.inside and not found.broken and not found.words


def test_a_right_channel_is_not_blamed_for_the_wrong_one() -> None:
    """Three copies of each channel, without an offset: only its partners tell that one is turned round."""
    values = hear_thrice(recording(LEVEL), 0)
    values[..., 2] *= -1
    found = reach(thrice(), LEVEL, values, names=DEVICE, flights=FLIGHTS)
    assert found.broken == ["c2"]


def hear_thrice(values: np.ndarray, seed: int) -> np.ndarray:
    thrice = np.repeat(np.asarray(values), 3, axis=-1)
    return thrice + 0.3 * np.random.default_rng(seed).normal(size=thrice.shape).astype(np.float32)


def thrice() -> World:
    """The small device with three copies of each channel, each with noise of its own."""
    channels = tuple(replace(WORLD.task.sensor.channels[0], name=f"c{n}") for n in range(6))

    def simulate(key: Key, parameters: Parameters) -> Made:
        values, labels = WORLD.simulate(key, parameters)
        return hear_thrice(values, int(jax.random.bits(key))), labels

    sensor = replace(WORLD.task.sensor, channels=channels)
    return replace(WORLD, task=replace(WORLD.task, sensor=sensor), simulate=simulate)
