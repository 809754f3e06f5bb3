"""Third moments against the tensors written out."""

import numpy as np
import pytest
from hypothesis import given, settings

from adapters.objectives.coral import CORAL
from adapters.objectives.homm import HOMM
from tests.adapters.objectives.two_domains import check_finite, degenerate, gradients, seen


def by_hand(source, target):
    """Mean square difference of the (features, features, features) tensors, in units of the common deviation."""
    centred = [x - x.mean(0) for x in (source, target)]
    tensors = [np.einsum("na,nb,nc->abc", x, x, x) / len(x) for x in centred]
    unit = np.square(np.concatenate(centred)).mean() ** 1.5
    return np.square((tensors[0] - tensors[1]) / unit).mean()


def skewed(count, seed):
    return np.random.default_rng(seed).exponential(1.0, (count, 4))


def test_it_is_the_distance_of_the_moment_tensors():
    source, target = skewed(30, 0), np.random.default_rng(1).standard_normal((21, 4)) * 2
    assert float(HOMM.loss(seen(source, target))) == pytest.approx(by_hand(source, target), rel=1e-4)


def test_sampled_entries_as_in_the_paper_come_to_the_same():
    source, target = skewed(200, 0), np.random.default_rng(1).standard_normal((200, 4))
    centred = [x - x.mean(0) for x in (source, target)]
    drawn = np.random.default_rng(2).integers(0, 4, (20_000, 3))
    moments = [(x[:, drawn[:, 0]] * x[:, drawn[:, 1]] * x[:, drawn[:, 2]]).mean(0) for x in centred]
    unit = np.square(np.concatenate(centred)).mean() ** 3
    sampled = np.square(moments[0] - moments[1]).mean() / unit
    assert float(HOMM.loss(seen(source, target))) == pytest.approx(sampled, rel=0.05)


def test_a_mirror_image_has_the_same_covariance_and_another_skewness():
    source = skewed(100, 0)
    seen_both = seen(source, -source)
    assert float(CORAL.loss(seen_both)) == pytest.approx(0, abs=1e-5)
    assert float(HOMM.loss(seen_both)) > 0.1


def test_place_and_scale_do_not_matter():
    source, target = skewed(40, 0), skewed(40, 1) ** 2
    once = float(HOMM.loss(seen(source, target)))
    assert float(HOMM.loss(seen(source * 50 + 3, target * 50 - 8))) == pytest.approx(once, rel=1e-3)
    assert float(HOMM.loss(seen(source, source + 5))) == pytest.approx(0, abs=1e-5)


def test_there_is_nothing_to_win_by_shrinking_the_features():
    source, target = skewed(40, 0), skewed(40, 1) ** 2
    _, (by_source, by_target, _) = gradients(HOMM, source, target, {})
    outwards = (np.asarray(by_source) * source).sum() + (np.asarray(by_target) * target).sum()
    size = np.linalg.norm(by_source) * np.linalg.norm(source) + np.linalg.norm(by_target) * np.linalg.norm(target)
    assert abs(outwards) < 1e-3 * size


@given(degenerate())
@settings(max_examples=40)
def test_no_batch_gives_a_number_that_is_not_finite(batch):
    check_finite(HOMM, *batch)
