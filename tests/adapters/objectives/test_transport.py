"""The cheapest plan, what it makes of each window, and the map that follows it."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from adapters.engine import adapt
from adapters.objective import Objective
from adapters.objectives.transport import TRANSPORT, WINDOWS, evenly, images, map_between
from tests.adapters.shifts import accuracy, shifted
from tests.nets.tasks import waves


def cloud(count, seed, size=3):
    return np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)


def mapped(found, x):
    return (x - found.before) @ found.matrix + found.after


def test_a_translation_is_recovered():
    source = cloud(200, 0)
    target = source + np.float32([4, -2, 0.5])
    found = map_between(target, source)
    np.testing.assert_allclose(found.after - found.before, [-4, 2, -0.5], atol=0.01)
    np.testing.assert_allclose(found.matrix, np.eye(3), atol=0.05)
    np.testing.assert_allclose(mapped(found, target), source, atol=0.15)


def test_a_translation_that_is_far_is_recovered_as_well():
    source = cloud(100, 0)
    np.testing.assert_allclose(map_between(source + 1000, source).matrix, np.eye(3), atol=0.05)


def test_a_gain_is_recovered_from_other_windows():
    target, source = cloud(400, 1) * np.float32([2, 1, 0.5]) + 3, cloud(400, 0)
    np.testing.assert_allclose(np.diag(map_between(target, source).matrix), [0.5, 1, 2], rtol=0.15)


def test_well_separated_points_go_where_the_best_assignment_sends_them():
    random = np.random.default_rng(0)
    source = (random.permutation(8)[:, None] * 5.0 + random.standard_normal((8, 2)) * 0.1).astype(np.float32)
    target = (random.permutation(8)[:, None] * 5.0 + random.standard_normal((8, 2)) * 0.1 + 2).astype(np.float32)
    costs = np.square(target[:, None] - source[None]).sum(-1)
    _, partner = linear_sum_assignment(costs)
    np.testing.assert_allclose(images(target, source), source[partner], atol=0.3)


def test_images_have_the_sources_mean():
    target, source = cloud(50, 0) * 3 + 7, cloud(37, 1)
    np.testing.assert_allclose(images(target, source).mean(0), source.mean(0), atol=0.01)


def test_few_windows_turn_and_stretch_little():
    target, source = cloud(2, 0, 20) * 5, cloud(200, 1, 20)
    matrix = map_between(target[:1], source).matrix
    np.testing.assert_allclose(matrix, np.eye(20), atol=1e-6)
    assert np.linalg.norm(map_between(target, source).matrix - np.eye(20), 2) < 1.1


def test_long_pools_are_thinned_evenly():
    rows = np.arange(10_000, dtype=np.float32)[:, None]
    kept = evenly(rows, WINDOWS)
    assert len(kept) == WINDOWS and kept[0, 0] == 0 and kept[-1, 0] == 9999
    assert np.ptp(np.diff(kept[:, 0])) <= 1
    assert evenly(rows[:9], WINDOWS) is not None and len(evenly(rows[:9], WINDOWS)) == 9


@pytest.mark.parametrize("counts", [(1, 1), (1, 9), (9, 1), (13, 30)])
def test_any_sizes_of_pools_are_carried(counts):
    found = images(cloud(counts[0], 0), cloud(counts[1], 1))
    assert found.shape == (counts[0], 3) and np.isfinite(found).all()


def test_a_shifted_device_is_read_better(base):
    even = (1 / 3, 1 / 3, 1 / 3)
    pool, test = shifted(400, 1, even)[0], shifted(600, 2, even)
    alone = Objective((TRANSPORT,), (1.0,))
    adapted = adapt(base, scope="head", objective=alone, target_values=pool, source_values=waves(400, 0)[0])
    assert accuracy(base, *test) < 0.6
    assert accuracy(adapted.model, *test) > 0.75
