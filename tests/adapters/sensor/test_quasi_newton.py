"""The least of functions whose least is known."""

import numpy as np

from adapters.sensor.quasi_newton import least

ALL = np.ones(2, np.bool_)


def rosenbrock(x):
    value = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    return value, np.array([-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)])


def test_a_curved_valley_is_followed_to_its_end():
    found, value = least(rosenbrock, np.array([-1.2, 1.0]), ALL, 100)
    np.testing.assert_allclose(found, [1, 1], atol=1e-4)
    assert value < 1e-8


def test_numbers_that_are_held_stay():
    found, _ = least(rosenbrock, np.array([-1.2, 1.0]), np.array([True, False]), 100)
    assert found[1] == 1.0 and abs(abs(found[0]) - 1) < 0.02


def test_nothing_free_is_no_search():
    found, value = least(rosenbrock, np.array([2.0, 1.0]), ~ALL, 10)
    np.testing.assert_array_equal(found, [2, 1])
    assert value == rosenbrock(found)[0]


def test_a_wall_of_nan_is_walked_around():
    def walled(x):
        return (np.nan, np.full(1, np.nan)) if x[0] > 1.5 else (float((x[0] - 1) ** 4), 4 * (x - 1) ** 3)

    found, value = least(walled, np.array([-6.0]), np.ones(1, np.bool_), 60)
    assert abs(found[0] - 1) < 0.05 and np.isfinite(value)
