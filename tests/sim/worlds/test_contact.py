"""The contact world keeps its contract, and its labels are what the physics says."""

import jax
import numpy as np
import pytest

from sim.generate import windows
from sim.legged import quadruped
from sim.worlds import contact
from sim.worlds.contact import PRIOR, WORLD

KEY = jax.random.key(0)


def _numbers(count: int, **changes: float) -> dict[str, np.ndarray]:
    drawn = PRIOR.replace(**changes).sample(KEY, count)
    return {name: np.asarray(values, np.float64) for name, values in drawn.items()}


def test_every_flight_gives_four_feet_of_windows_in_order() -> None:
    values, labels = WORLD.simulate(KEY, PRIOR.sample(KEY, 3))
    assert values.shape == (3 * 4 * contact.windows_a_foot(), *WORLD.task.sensor.window_shape)
    assert labels.shape == (len(values),) and labels.dtype == np.int32
    following = np.asarray(values[1]), np.asarray(values[0])
    np.testing.assert_array_equal(following[0][: -contact.STRIDE], following[1][contact.STRIDE :])


def test_a_robot_that_stands_is_stable_and_reads_gravity() -> None:
    made = WORLD.simulate(KEY, PRIOR.replace(start_s=9.0, friction=1.0).sample(KEY, 2))
    values, labels = (np.asarray(one) for one in made)
    assert labels.mean() > 0.95
    assert np.linalg.norm(values[..., :3].mean(1), axis=-1).mean() == pytest.approx(9.81, rel=0.05)


def test_a_foot_in_the_air_is_never_stable_and_a_sliding_one_neither() -> None:
    numbers = _numbers(8, start_s=-1.0)
    feet, stable = contact.truth(KEY, numbers)
    assert not stable[feet.force_n == 0].any()
    assert not stable[feet.slip_m_s > 0.2].any()
    assert 0.2 < stable.mean() < 0.8


def test_ice_makes_contact_unstable() -> None:
    walking = {"start_s": -1.0, "speed_m_s": 0.5, "turn_rad_s": 0.0}
    rough = contact.truth(KEY, _numbers(8, friction=1.0, **walking))[1].mean()
    icy = contact.truth(KEY, _numbers(8, friction=0.03, **walking))[1].mean()
    assert icy < rough - 0.1


def test_those_that_fell_are_replaced_in_turn_by_those_that_did_not() -> None:
    upright = np.asarray([True, False, True, False, True])
    assert contact._stand_ins(upright).tolist() == [0, 2, 2, 0, 4]
    assert contact._stand_ins(np.zeros(3, bool)).tolist() == [0, 1, 2]


def test_almost_nobody_falls() -> None:
    numbers = _numbers(64)
    models = [quadruped.built(one) for one in contact._rows(numbers, contact.BODY_PARAMETERS)]
    _, upright = contact.walk(models, contact.gait_of(KEY, numbers), contact.SAMPLES, contact.HOP)
    assert upright.mean() > 0.85


def test_a_smaller_count_is_a_prefix() -> None:
    few, many = windows(WORLD, KEY, 100)[0], windows(WORLD, KEY, 300)[0]
    np.testing.assert_array_equal(few, many[:100])
