"""Sets hold the right answer as often as was asked, and realised coverage says so when it fails."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import conformal
from nets.inference import softmax
from slipway.errors import Refused


def answers(count, seed, shares=(0.5, 0.3, 0.2), noise=(1.0, 1.0, 1.0)):
    """(probabilities, labels) of a model that is right most of the time, less so for a class with more noise."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, count, p=shares).astype(np.int32)
    return softmax(
        (2 * np.eye(3)[labels] + np.array(noise)[labels, None] * random.standard_normal((count, 3))).astype(np.float32)
    ), labels


@pytest.mark.parametrize("score", ["least_ambiguous", "adaptive"])
@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_sets_of_windows_like_the_calibrations_cover(score, coverage):
    made = conformal.calibrate(*answers(2000, 0), coverage=coverage, score=score)
    chances, labels = answers(4000, 1)
    found = conformal.realised(conformal.sets(made, chances), labels)
    assert found.coverage >= coverage - 0.02
    assert found.low < found.coverage < found.high
    if score == "least_ambiguous" and coverage > (chances.argmax(1) == labels).mean():
        assert found.coverage <= coverage + 0.02


@settings(max_examples=20)
@given(st.integers(5, 60), st.floats(0.5, 0.9), st.integers(0, 1000))
def test_the_promise_is_kept_on_average_over_small_calibrations(count, coverage, seed):
    hits = []
    for trial in range(40):
        made = conformal.calibrate(*answers(count, 7919 * trial + seed), coverage=coverage)
        chances, labels = answers(50, 104729 + 31 * trial + seed)
        hits.append(conformal.sets(made, chances)[np.arange(50), labels].mean())
    assert np.mean(hits) >= coverage - 3 * np.std(hits) / np.sqrt(len(hits)) - 0.01


def test_the_device_shares_are_weighed_in():
    home, there, noise = np.array([0.8, 0.15, 0.05]), np.array([0.1, 0.1, 0.8]), (0.7, 0.7, 2.5)
    known, (chances, labels) = answers(4000, 0, tuple(home), noise), answers(4000, 1, tuple(there), noise)
    plain = conformal.realised(conformal.sets(conformal.calibrate(*known), chances), labels)
    weighed = conformal.realised(conformal.sets(conformal.calibrate(*known, shares=(home, there)), chances), labels)
    assert plain.high < 0.85
    assert weighed.coverage == pytest.approx(0.9, abs=0.03)


def test_a_class_known_by_hardly_a_window_is_never_left_out_when_it_may_abound():
    chances, labels = answers(200, 0, (0.5, 0.49, 0.01))
    made = conformal.calibrate(chances, labels, shares=(np.array([0.5, 0.49, 0.01]), np.array([0.005, 0.005, 0.99])))
    assert np.isinf(made.thresholds[2])
    assert conformal.sets(made, chances)[:, 2].all()


def test_a_broken_assumption_shows_in_what_is_realised():
    made = conformal.calibrate(*answers(2000, 0), coverage=0.9)
    chances, labels = answers(2000, 1)
    assert conformal.realised(conformal.sets(made, chances), (labels + 1).astype(np.int32) % 3).high < 0.9


def test_intervals_of_quantities_cover():
    random = np.random.default_rng(0)
    targets = random.standard_normal((3000, 2)).astype(np.float32)
    told = targets + np.array([0.1, 2.0], np.float32) * random.standard_normal((3000, 2)).astype(np.float32)
    targets[:10] = np.nan
    made = conformal.calibrate_outputs(told[:1500], targets[:1500], coverage=0.9)
    assert made.half_widths == pytest.approx(np.array([0.1, 2.0]) * 1.645, rel=0.1)
    assert conformal.realised_outputs(made, told[1500:], targets[1500:]).coverage == pytest.approx(0.9, abs=0.03)


def test_few_windows_promise_nothing_and_the_set_is_everything():
    made = conformal.calibrate(*answers(3, 0), coverage=0.9)
    assert conformal.sets(made, answers(5, 1)[0]).all()


def test_labels_that_never_came_realise_nothing():
    chances, labels = answers(10, 0)
    found = conformal.realised(conformal.sets(conformal.calibrate(chances, labels), chances), np.full(10, -1, np.int32))
    assert (found.count, found.low, found.high) == (0, 0.0, 1.0)


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1.0])
def test_a_coverage_that_is_no_share_is_refused(coverage):
    with pytest.raises(Refused, match="coverage"):
        conformal.calibrate(*answers(10, 0), coverage=coverage)


def test_no_label_no_calibration():
    chances, _ = answers(10, 0)
    with pytest.raises(Refused):
        conformal.calibrate(chances, np.full(10, -1, np.int32))
