"""Windows by the hundred thousand: reproducible, streamed, from any prior without a new compilation."""

import itertools

import jax
import numpy as np

from sim import generate
from sim.generate import batches, windows
from sim.worlds.rover import WORLD, rule
from tests.sim.toy import TOY

KEY = jax.random.key(5)


def test_windows_have_the_tasks_shape_and_types() -> None:
    values, labels = windows(TOY, KEY, 100)
    assert values.shape == (100, 3, 2) and values.dtype == np.float32
    assert labels.shape == (100,) and labels.dtype == np.int32


def test_a_window_is_consecutive_readings_of_one_flight() -> None:
    values, _ = windows(TOY, KEY, 2000, TOY.prior.replace(noise=0.0, pace=0.0))
    assert np.array_equal(values[:, 0], values[:, 2])
    assert np.array_equal(values[..., 0], 2 * values[..., 1])


def test_the_label_is_that_of_the_windows_last_reading() -> None:
    values, labels = windows(TOY, KEY, 2000, TOY.prior.replace(noise=0.0))
    assert np.array_equal(values[:, -1, 0] > 0, labels == 1)


def test_fewer_windows_are_the_first_of_more() -> None:
    more, more_labels = windows(TOY, KEY, 25_000)
    fewer, fewer_labels = windows(TOY, KEY, 11_000)
    assert np.array_equal(fewer, more[:11_000]) and np.array_equal(fewer_labels, more_labels[:11_000])


def test_batches_go_on_and_differ() -> None:
    first, *_, last = itertools.islice(batches(TOY, KEY), generate.DRAWN_BATCHES + 2)
    assert first[0].shape == last[0].shape and not np.array_equal(first[0], last[0])


def test_another_prior_needs_no_new_compilation() -> None:
    windows(TOY, KEY, 10)
    before = TOY.simulate._cache_size()
    values, _ = windows(TOY, KEY, 10, TOY.prior.replace(pace=0.2, noise=1.0))
    assert TOY.simulate._cache_size() == before and values.shape == (10, 3, 2)


def test_rover_labels_follow_the_rule_and_every_command_is_common() -> None:
    values, labels = windows(WORLD, KEY, 20_000)
    assert np.array_equal(rule(values[:, 0]), labels)
    assert np.bincount(labels, minlength=4).min() > 0.08 * len(labels)
