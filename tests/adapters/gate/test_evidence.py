"""Validators against answers that are known without them."""

import dataclasses

import numpy as np
import pytest

from adapters.gate import evidence
from adapters.gate.promotion import trials
from tests.adapters.shifts import GAIN, OFFSET
from tests.nets.tasks import waves

EVEN = np.full(3, 1 / 3)


@pytest.fixture(scope="module")
def trial(base):
    return trials(base, {}, waves(300, 5)[0], source=None, source_marginal=EVEN, noise=0.05, seed=0)[0]


def with_chances(trial, chances):
    chances = np.asarray(chances, np.float32)
    return dataclasses.replace(trial, probabilities=chances, shaken=chances, consensus=chances, expected=EVEN)


def test_information_is_highest_for_sure_answers_in_the_expected_shares(trial):
    sure, unsure, crowded = np.eye(3).repeat(10, 0), np.full((30, 3), 1 / 3), np.eye(3)[[0] * 30]
    scores = [evidence.information(with_chances(trial, chances)).mean() for chances in (sure, unsure, crowded)]
    assert scores[0] == pytest.approx(0, abs=1e-5)
    assert scores[1] == pytest.approx(-np.log(3), rel=1e-4)
    assert scores[2] == pytest.approx(-np.log(3), rel=1e-4)


def test_neighbourhoods_are_dense_where_answers_are_alike(trial):
    grouped = np.eye(3).repeat(10, 0) * 0.97 + 0.01
    scattered = np.random.default_rng(0).dirichlet(np.ones(3), 30)
    dense = evidence.neighbourhood(with_chances(trial, grouped)).mean()
    assert dense == pytest.approx(np.log(9), rel=1e-3)
    assert dense > evidence.neighbourhood(with_chances(trial, scattered)).mean()


def test_agreement_and_consistency_of_sure_answers_are_one(trial):
    sure = with_chances(trial, np.eye(3).repeat(10, 0))
    np.testing.assert_allclose(evidence.agreement(sure), 1)
    np.testing.assert_allclose(evidence.consistency(sure), 1)


def test_familiarity_falls_with_the_shift(base, trial):
    def score(strength):
        values, _ = waves(300, 5)
        moved = (values * (1 + strength * (GAIN - 1)) + strength * OFFSET).astype(np.float32)
        return evidence.familiarity(dataclasses.replace(trial, values=moved)).mean()

    assert 0 > score(0.0) > score(0.3) > score(1.0)
    assert score(0.0) > -0.05


def test_source_risk_without_a_source_is_silent(trial):
    assert evidence.source_risk(trial) is None
