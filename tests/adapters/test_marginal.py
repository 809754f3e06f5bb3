"""Class shares of a pool that nobody labelled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import marginal
from nets.inference import logits, probabilities, softmax
from tests.adapters.shifts import shifted
from tests.nets.tasks import waves

EVEN = np.full(3, 1 / 3)


def noisy(count, seed, shares=EVEN, sharpness=1.0):
    """(logits, labels) of a model that confuses the classes; with ``sharpness`` over 1 it is surer than right."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, count, p=shares).astype(np.int32)
    scores = 2 * np.eye(3)[labels] + 1.2 * random.standard_normal((count, 3))
    return (sharpness * scores * 2 / 1.2**2).astype(np.float32), labels


def real(labels):
    return np.bincount(labels, minlength=3) / len(labels)


def apart(one, other):
    return 0.5 * np.abs(one - other).sum()


def test_a_label_shift_is_found_half_way(base):
    shares = np.array([0.8, 0.15, 0.05])
    values, labels = waves(800, 7, tuple(shares))
    found = marginal.estimate(probabilities(base, values), EVEN)
    assert np.abs(found - (real(labels) + EVEN) / 2).max() < 0.05


@pytest.mark.parametrize("shares", [(0.8, 0.15, 0.05), (0.1, 0.1, 0.8), (0.98, 0.01, 0.01)])
def test_both_estimates_find_a_known_label_shift_though_the_model_is_too_sure(shares):
    scores, labels = noisy(1500, 1, shares, sharpness=2.0)
    found = marginal.estimated(scores, EVEN, marginal.Home(*noisy(4000, 0, sharpness=2.0)))
    assert found.problem == ""
    assert apart(found.likeliest, real(labels)) < 0.03
    assert apart(found.black_box, real(labels)) < 0.05
    np.testing.assert_allclose(found.shares, (found.likeliest + found.black_box) / 4 + EVEN / 2, atol=1e-3)


def test_calibration_takes_back_what_is_too_sure():
    slope, bias = marginal.calibration(marginal.Home(*noisy(4000, 0, sharpness=2.0)))
    assert slope == pytest.approx(0.5, abs=0.06)
    assert np.abs(bias).max() < 0.15
    scores, labels = noisy(1500, 1, (0.6, 0.35, 0.05), sharpness=2.0)
    plain = marginal.likeliest(softmax(scores), EVEN)
    mended = marginal.likeliest(softmax((scores * slope + bias).astype(np.float32)), EVEN)
    assert apart(mended, real(labels)) < apart(plain, real(labels))


def test_answers_that_no_mix_of_classes_gives_are_no_label_shift():
    home = marginal.Home(*noisy(4000, 0))
    found = marginal.estimated(noisy(600, 1)[0] * np.float32(0.2), EVEN, home)
    assert "confidence" in found.problem
    np.testing.assert_allclose(found.shares, EVEN)


def test_windows_like_homes_are_explained_by_home(base):
    there, labels = waves(600, 9)
    found = marginal.estimated(logits(base, waves(600, 10)[0]), EVEN, marginal.Home(logits(base, there), labels))
    assert found.problem == ""
    assert apart(found.shares, EVEN) < 0.05


def test_a_sensor_that_makes_every_window_one_class_looks_like_label_shift(base):
    """What answers cannot tell: the shares stay half way to the source's; ``adapters.gate.overlap`` sees the sensor."""
    there, labels = waves(600, 9)
    found = marginal.estimated(logits(base, shifted(600, 1)[0]), EVEN, marginal.Home(logits(base, there), labels))
    assert found.likeliest.max() > 0.9
    assert found.shares.max() < 0.7


def test_a_confusion_that_cannot_be_inverted_moves_nothing():
    blind = np.full((300, 3), 1 / 3)
    labels = np.arange(300, dtype=np.int32) % 3
    np.testing.assert_allclose(marginal.shifted(np.full(3, 1 / 3), blind, labels, 300), EVEN, atol=1e-6)


def test_a_perfect_confusion_gives_what_is_answered():
    labels = np.arange(300, dtype=np.int32) % 3
    answered = np.array([0.7, 0.3, 0.0])
    found = marginal.shifted(answered, np.eye(3)[labels], labels, 10_000)
    np.testing.assert_allclose(found, answered, atol=0.01)


def test_a_class_that_home_lacks_leaves_the_answers_alone():
    scores, labels = noisy(600, 0)
    home = marginal.Home(scores[labels != 2], labels[labels != 2])
    found = marginal.estimated(scores, EVEN, home)
    assert found.black_box is None
    np.testing.assert_allclose(found.shares, marginal.estimate(softmax(scores), EVEN), atol=1e-6)


@given(st.lists(st.lists(st.floats(0.001, 1), min_size=3, max_size=3), min_size=1, max_size=20))
def test_shares_are_shares_and_none_is_impossible(rows):
    chances = np.array(rows, np.float32)
    chances /= chances.sum(1, keepdims=True)
    found = marginal.estimate(chances, EVEN)
    assert abs(found.sum() - 1) < 1e-9
    assert (found >= marginal.FLOOR / 3 * 0.99).all()


@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda shares: sum(shares) > 0.01), st.integers(1, 5000)
)
def test_black_box_shares_are_shares_whatever_is_answered(answered, count):
    scores, labels = noisy(60, 0)
    found = marginal.shifted(np.array(answered) / sum(answered), softmax(scores), labels, count)
    assert abs(found.sum() - 1) < 1e-9
    assert (found >= 0).all()


def test_labels_are_counted_and_none_means_even():
    np.testing.assert_allclose(marginal.counted(np.array([0, 0, 1, -1]), 2), [2 / 3, 1 / 3])
    np.testing.assert_allclose(marginal.counted(np.array([-1, -1]), 2), [0.5, 0.5])
