"""A window of a class that the task does not have comes out as unknown."""

import json
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.open_set import Threshold, calibrate, distances, reject, shrunk, strangeness
from nets.pretraining import Recipe, pretrain
from slipway.errors import Reason, Refused
from tests.adapters.objectives.sight import REGRESSION, small
from tests.nets.tasks import task, waves

RECIPE = Recipe("cnn", {"widths": (16, 32), "sizes": (5, 3)}, epochs=12, batch_size=64, learning_rate=5e-3)


def known(count, seed, left_out):
    """Waves of all four classes but one, under labels 0 to 2."""
    values, labels = waves(count, seed, (0.25,) * 4)
    there = labels != left_out
    return values[there], (labels[there] - (labels[there] > left_out)).astype(np.int32)


def unknown(count, seed, left_out):
    """Waves of the class that was left out."""
    values, labels = waves(count, seed, (0.25,) * 4)
    return values[labels == left_out]


@pytest.fixture(scope="module", params=[1, 3], ids=lambda label: f"without class {label}")
def trained(request):
    return request.param, pretrain(task(), *known(1200, 0, request.param), recipe=RECIPE).model


def test_a_class_left_out_of_training_comes_out_as_unknown_and_the_others_are_kept(trained):
    left_out, model = trained
    threshold = calibrate(model, *known(1200, 1, left_out), false_rejections=0.05)
    values, labels = known(2000, 2, left_out)
    answers = reject(model, values, threshold)
    assert (answers == -1).mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 * (1 / threshold.windows + 1 / len(values)))
    assert (answers == labels)[answers >= 0].mean() > 0.97
    assert (reject(model, unknown(1000, 2, left_out), threshold) == -1).mean() > 0.75


@pytest.mark.parametrize("score", ["distance", "energy"])
@pytest.mark.parametrize("rate", [0.02, 0.2])
def test_the_stated_rate_holds_for_windows_like_the_sources(trained, score, rate):
    left_out, model = trained
    turned_away = []
    for seed in range(6):
        values, labels = known(900, 100 + seed, left_out)
        threshold = calibrate(model, values[:400], labels[:400], rate, score=score, seed=seed)
        turned_away.append((reject(model, values[400:], threshold) == -1).mean())
    spread = np.sqrt(rate * (1 - rate) / 6 * (1 / threshold.windows + 1 / len(values[400:])))
    assert np.mean(turned_away) < rate + 3 * spread
    assert np.mean(turned_away) > rate - 1 / (threshold.windows + 1) - 3 * spread


def test_the_limit_is_the_conformal_quantile_of_the_held_out_scores(trained):
    left_out, model = trained
    values, labels = known(200, 5, left_out)
    threshold = calibrate(model, values, labels, 0.1, score="energy")
    scores = np.sort(strangeness(model, values, threshold))
    assert threshold.limit == pytest.approx(scores[ceil((len(values) + 1) * 0.9) - 1])


def test_a_threshold_survives_json(trained):
    left_out, model = trained
    threshold = calibrate(model, *known(200, 5, left_out))
    read = Threshold.from_json(json.loads(json.dumps(threshold.to_json())))
    values, _ = known(100, 6, left_out)
    np.testing.assert_array_equal(reject(model, values, read), reject(model, values, threshold))


def test_distances_are_mahalanobis():
    random = np.random.default_rng(0)
    features, means = random.standard_normal((5, 3)), random.standard_normal((2, 3))
    half = random.standard_normal((3, 3))
    precision = half @ half.T
    expected = [[(f - m) @ precision @ (f - m) for m in means] for f in features]
    found = distances(*(array.astype(np.float32) for array in (features, means, precision)))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@settings(max_examples=30)
@given(count=st.integers(1, 30), width=st.integers(1, 12), seed=st.integers(0, 99), scale=st.sampled_from([0, 1, 1e-3]))
def test_a_shrunk_covariance_has_an_inverse_however_few_windows(count, width, seed, scale):
    deviations = scale * np.random.default_rng(seed).standard_normal((count, width))
    found = shrunk(deviations)
    assert np.linalg.eigvalsh(found).min() > 0
    if scale:
        assert np.trace(found) == pytest.approx(np.trace(deviations.T @ deviations / count))


def test_many_windows_leave_the_covariance_as_it_is():
    half = np.random.default_rng(0).standard_normal((4, 4))
    deviations = np.random.default_rng(1).standard_normal((20000, 4)) @ half
    np.testing.assert_allclose(shrunk(deviations), deviations.T @ deviations / 20000, rtol=0.02, atol=0.02)


def test_poor_sources_are_survived(trained):
    left_out, model = trained
    values, labels = known(300, 7, left_out)
    one_class = calibrate(model, values[labels == 1], labels[labels == 1])
    assert set(reject(model, values, one_class)) <= {-1, 0, 1, 2}
    alike = calibrate(model, values[:1].repeat(60, 0), labels[:1].repeat(60))
    assert (reject(model, values[:1], alike) >= 0).all()
    assert reject(model, values[:0], alike).shape == (0,)


@pytest.mark.parametrize(
    ("count", "rate", "reason", "field"),
    [
        (300, 0.0, Reason.FIELD_INVALID, "false_rejections"),
        (300, 1.0, Reason.FIELD_INVALID, "false_rejections"),
        (30, 0.05, Reason.LABELS_MISSING, "source_labels"),
        (0, 0.05, Reason.LABELS_MISSING, "source_labels"),
    ],
)
def test_what_cannot_be_promised_is_refused(count, rate, reason, field):
    values, labels = waves(300, 0)
    labels = np.where(np.arange(300) < count, labels, -1)
    with pytest.raises(Refused) as refused:
        calibrate(small(), values, labels, rate)
    assert (refused.value.reason, refused.value.field) == (reason, field)


def test_a_regression_has_no_unknown_class():
    with pytest.raises(Refused, match="classes"):
        calibrate(small(REGRESSION), *waves(100, 0))
