"""Principal directions of the target, taken to the source's."""

import numpy as np

from adapters.engine import adapt
from adapters.objective import Objective, Pools
from adapters.objectives.feature_map import Moments, moments_of
from adapters.objectives.subspace import SUBSPACE, from_moments, map_between
from adapters.scopes import head
from nets.inference import features
from nets.windows import Windows
from tests.adapters.shifts import accuracy, shifted
from tests.nets.tasks import waves


def plane(angle, size=5):
    """Two orthonormal directions (size, 2), the second turned by ``angle`` out of the plane of the first two axes."""
    directions = np.zeros((size, 2))
    directions[0, 0], directions[1, 1], directions[2, 1] = 1, np.cos(angle), np.sin(angle)
    return directions


def in_plane(directions, seed=0, count=400):
    return np.random.default_rng(seed).standard_normal((count, 2)) * [3, 1] @ directions.T


def certain(x):
    return moments_of(x)._replace(windows=None)


def test_the_alignment_is_the_least_squares_solution():
    of_source, of_target = plane(0.0), plane(0.6)
    # Equation 1 of the paper: M minimises |Xs M - Xt|.
    alignment = np.linalg.lstsq(of_source, of_target, rcond=None)[0]
    found = map_between(certain(in_plane(of_target, 1)), certain(in_plane(of_source)))
    np.testing.assert_allclose(found.matrix, of_target @ alignment.T @ of_source.T, atol=1e-3)


def test_mapped_features_lie_in_the_sources_plane_about_its_mean():
    target, source = in_plane(plane(0.6), 1) + 4, in_plane(plane(0.0)) - 1
    found = map_between(certain(target), certain(source))
    mapped = (target - found.before) @ found.matrix + found.after
    np.testing.assert_allclose(mapped.mean(0), source.mean(0), atol=1e-9)
    np.testing.assert_allclose(mapped[:, 2:], np.broadcast_to(source[0, 2:], (400, 3)), atol=1e-3)


def test_equal_domains_keep_what_varies():
    home = in_plane(plane(0.3))
    found = map_between(certain(home), certain(home))
    np.testing.assert_allclose((home - found.before) @ found.matrix + found.after, home, atol=1e-6)


def test_directions_that_hardly_vary_are_dropped():
    x = np.random.default_rng(0).standard_normal((500, 3)) * [1, 1, 0.01]
    assert np.linalg.matrix_rank(map_between(certain(x), certain(x)).matrix, tol=1e-6) == 2


def test_one_window_takes_the_sources_directions():
    home = certain(in_plane(plane(0.0)))
    found = map_between(Moments(home.mean, np.zeros((5, 5)), 1), home)
    np.testing.assert_allclose(found.matrix, plane(0.0) @ plane(0.0).T, atol=1e-6)


def test_moments_alone_give_what_windows_give(base):
    (target, _), (source, _) = shifted(120, 1), waves(200, 0)
    from_windows = SUBSPACE.solve(base, head().names(base), Pools(Windows(target, None), Windows(source, None)))
    away, home = (moments_of(features(base, values)) for values in (target, source))
    told = from_moments(base, away.mean, away.covariance, home.mean, home.covariance, target_count=120)
    for name, array in from_windows.items():
        np.testing.assert_allclose(told.arrays[name], array, atol=1e-5)


def test_a_shifted_device_is_read_better(base):
    even = (1 / 3, 1 / 3, 1 / 3)
    pool, test = shifted(400, 1, even)[0], shifted(600, 2, even)
    alone = Objective((SUBSPACE,), (1.0,))
    adapted = adapt(base, scope="head", objective=alone, target_values=pool, source_values=waves(400, 0)[0])
    assert accuracy(base, *test) < 0.6
    assert accuracy(adapted.model, *test) > 0.75
