"""A map that gives the target the source's moments, from windows or from the moments alone."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from adapters.engine import adapt
from adapters.objective import Objective, Pools
from adapters.objectives.coral_map import CORAL_MAP, from_moments, map_between, power
from adapters.objectives.feature_map import Moments, moments_of, ridged
from adapters.scopes import head
from nets.inference import features
from nets.windows import Windows
from tests.adapters.shifts import accuracy, shifted
from tests.nets.tasks import waves


def cloud(count, size, seed):
    random = np.random.default_rng(seed)
    return random.standard_normal((count, size)) @ random.standard_normal((size, size)) + random.standard_normal(size)


def certain(x):
    return moments_of(x)._replace(windows=None)


def test_mapped_features_have_the_sources_mean_and_covariance():
    random = np.random.default_rng(0)
    gains, offsets = random.uniform(0.5, 3, (2, 6)), random.uniform(-2, 2, (2, 6))
    target, source = random.standard_normal((2, 300, 6)) * gains[:, None] + offsets[:, None]
    found = map_between(certain(target), certain(source))
    mapped = (target - found.before) @ found.matrix + found.after
    np.testing.assert_allclose(np.cov(mapped.T), np.cov(source.T), atol=1e-4)
    np.testing.assert_allclose(mapped.mean(0), source.mean(0), atol=1e-9)


@given(strategies.integers(1, 12), strategies.integers(0, 10_000))
@settings(max_examples=30)
def test_the_ridged_covariances_agree_however_ill_conditioned(size, seed):
    away, home = certain(cloud(200, size, seed)), certain(cloud(300, size, seed + 1))
    matrix = map_between(away, home).matrix
    scale = np.trace(home.covariance) / size
    mapped, wanted = matrix.T @ ridged(away.covariance) @ matrix, ridged(home.covariance)
    np.testing.assert_allclose(mapped / scale, wanted / scale, atol=1e-6)


def test_equal_moments_map_to_themselves():
    home = certain(cloud(50, 6, 0))
    np.testing.assert_allclose(map_between(home, home).matrix, np.eye(6), atol=1e-9)


def test_a_common_gain_and_an_offset_are_undone_exactly():
    home = cloud(80, 5, 0)
    found = map_between(certain(home * 3 + 2), certain(home))
    np.testing.assert_allclose(((home * 3 + 2) - found.before) @ found.matrix + found.after, home, atol=1e-6)


def test_what_one_window_does_not_say_stays_as_it_was():
    home = certain(cloud(80, 5, 0))
    found = map_between(Moments(home.mean + 1, np.zeros((5, 5)), 1), home)
    np.testing.assert_allclose(found.matrix, np.eye(5) * np.sqrt(6 / 5), atol=1e-3)
    np.testing.assert_allclose(found.before, home.mean + 1)


def test_powers_are_powers():
    matrix = certain(cloud(60, 4, 0)).covariance
    root = power(matrix, 0.5)
    np.testing.assert_allclose(root @ root, matrix, rtol=1e-9)
    np.testing.assert_allclose(power(matrix, -0.5) @ matrix @ power(matrix, -0.5), np.eye(4), atol=1e-9)


def test_moments_alone_give_what_windows_give(base):
    (target, _), (source, _) = shifted(120, 1), waves(200, 0)
    from_windows = CORAL_MAP.solve(base, head().names(base), Pools(Windows(target, None), Windows(source, None)))
    away, home = (moments_of(features(base, values)) for values in (target, source))
    told = from_moments(base, away.mean, away.covariance, home.mean, home.covariance, target_count=120)
    for name, array in from_windows.items():
        np.testing.assert_allclose(told.arrays[name], array, atol=1e-5)


def test_a_shifted_device_is_read_better(base):
    even = (1 / 3, 1 / 3, 1 / 3)
    pool, test = shifted(400, 1, even)[0], shifted(600, 2, even)
    alone = Objective((CORAL_MAP,), (1.0,))
    adapted = adapt(base, scope="head", objective=alone, target_values=pool, source_values=waves(400, 0)[0])
    assert accuracy(base, *test) < 0.6
    assert accuracy(adapted.model, *test) > 0.75


def test_other_class_shares_are_mapped_away_too():
    # What the docstring warns of, in one dimension: two classes at ±1, and a target that holds the upper one mostly.
    random = np.random.default_rng(0)
    source, target = (np.where(random.random(4000) < share, 1.0, -1.0)[:, None] for share in (0.5, 0.9))
    found = map_between(certain(target), certain(source))
    assert (1 - found.before) @ found.matrix + found.after == pytest.approx(1 / 3, abs=0.05)
