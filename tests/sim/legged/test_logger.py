"""The logger smooths, holds, and looks along its bracket's axes."""

import jax
import jax.numpy as jnp
import numpy as np

from sim.legged import logger
from sim.legged.flight import Feet, turned

KEY = jax.random.key(0)


def test_a_hanging_leg_feels_gravity_upward_against_the_brackets_y() -> None:
    truth = Feet(
        np.zeros(1), np.zeros(1), np.zeros((1, 3)), np.asarray([[0.0, 2.0, 0.0]]), np.asarray([[1.0, 0, 0, 0]])
    )
    felt = logger.motion(truth)
    down = turned(np.asarray(felt.orientation), np.asarray([[0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(down, [[0.0, 0.0, -1.0]], atol=1e-6)
    np.testing.assert_allclose(felt.rotation_rad_s, [[0.0, 0.0, -2.0]], atol=1e-6)  # left is against right


def test_quaternion_and_matrix_of_the_bracket_agree() -> None:
    axes = turned(np.asarray(logger._BRACKET), np.eye(3))
    np.testing.assert_allclose(axes, logger.BRACKET, atol=1e-12)


def test_rows_repeat_until_the_reader_comes_back() -> None:
    shown = np.asarray(logger.refreshed(KEY, 100, jnp.asarray(5.0), jnp.asarray(0.0)))
    np.testing.assert_array_equal(shown, np.arange(100) // 5 * 5)


def test_a_reader_at_every_row_repeats_nothing() -> None:
    shown = np.asarray(logger.refreshed(KEY, 50, jnp.asarray(1.0), jnp.asarray(0.3)))
    np.testing.assert_array_equal(shown, np.arange(50))


def test_early_values_come_after_fewer_rows_and_never_from_the_future() -> None:
    shown = np.asarray(logger.refreshed(KEY, 4000, jnp.asarray(5.0), jnp.asarray(0.4)))
    gaps = np.diff(np.unique(shown))
    assert (shown <= np.arange(4000)).all() and set(gaps) == {1, 2, 3, 4, 5}
    assert np.isclose((gaps == 5).mean(), 0.6, atol=0.04)


def test_the_low_pass_lets_half_the_power_through_at_its_corner() -> None:
    rate, corner = 1000.0, 20.0
    wave = np.sin(2 * np.pi * corner * np.arange(4000) / rate)[:, None].astype(np.float32)
    out = np.asarray(logger.smoothed(jnp.asarray(wave), jnp.asarray(corner / rate)))[1000:]
    assert np.isclose(out.std() / wave.std(), 0.5**0.5, rtol=0.05)
