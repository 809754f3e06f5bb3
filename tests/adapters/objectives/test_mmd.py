"""The squared discrepancy against sums over pairs written out."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings

from adapters.objectives.mmd import MMD, PAIRS, WIDTHS, discrepancy, squared_distances
from tests.adapters.objectives.two_domains import check_finite, degenerate, gradients, seen


def by_hand(source, target):
    """Three double sums of kernels, their unit the median distance of all pairs."""

    def distance(x, y):
        return np.square(x - y).sum()

    both = np.concatenate([source, target])
    unit = np.median([distance(both[i], both[j]) for i in range(len(both)) for j in range(i)])

    def mean(xs, ys):
        return np.mean([np.mean([np.exp(-distance(x, y) / (w * unit)) for w in WIDTHS]) for x in xs for y in ys])

    return mean(source, source) + mean(target, target) - 2 * mean(source, target)


def clouds(shift, seed=0, counts=(17, 12)):
    random = np.random.default_rng(seed)
    return random.standard_normal((counts[0], 3)), random.standard_normal((counts[1], 3)) * 1.3 + shift


def test_it_is_the_biased_form_written_out():
    source, target = clouds(0.7)
    assert float(MMD.loss(seen(source, target))) == pytest.approx(by_hand(source, target), rel=1e-4)


def test_the_median_of_some_pairs_stands_for_that_of_all():
    source, target = clouds(0.7, counts=(60, 60))
    assert 2 * PAIRS < 120 * 119 / 2
    assert float(discrepancy(*map(np.float32, (source, target)))) == pytest.approx(by_hand(source, target), rel=0.03)


def test_equal_sets_differ_by_nothing_in_whatever_order():
    source, _ = clouds(0)
    assert float(MMD.loss(seen(source, source[::-1]))) == pytest.approx(0, abs=1e-6)


def test_it_grows_with_the_distance_up_to_2():
    values = [float(MMD.loss(seen(*clouds(shift)))) for shift in (0, 0.5, 1, 2, 4)]
    assert values == sorted(values) and values[0] >= 0 and values[-1] < 2


def test_scale_and_place_do_not_matter():
    source, target = clouds(0.7)
    moved = float(MMD.loss(seen(source * 20 + 5, target * 20 + 5)))
    assert moved == pytest.approx(float(MMD.loss(seen(source, target))), rel=1e-3)


def test_the_gradient_pulls_the_target_to_the_source():
    source, target = clouds(1.0, counts=(64, 64))
    slope = jax.jit(lambda source, target: gradients(MMD, source, target, {}))
    start, apart = float(slope(source, target)[0]), np.abs(target.mean(0) - source.mean(0))
    for _ in range(200):
        now, (_, by_target, _) = slope(source, target)
        target = target - 5 * np.asarray(by_target)
    assert float(now) < start / 5
    assert (np.abs(target.mean(0) - source.mean(0)) < apart / 2).all()


def test_distances_are_those_of_all_pairs():
    x = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32) + 100
    expected = np.square(x[:, None].astype(np.float64) - x[None]).sum(-1)
    np.testing.assert_allclose(squared_distances(jax.numpy.asarray(x)), expected, atol=1e-4)


@given(degenerate())
@settings(max_examples=40)
def test_no_batch_gives_a_number_that_is_not_finite(batch):
    check_finite(MMD, *batch)
