"""Further validators against answers that are known without them."""

import dataclasses

import numpy as np
import pytest

from adapters.gate.promotion import trials
from adapters.gate.validators.importance import deep_embedded, importance_weighted
from adapters.gate.validators.mixed import mixed
from nets.inference import log_softmax
from nets.model import Model
from nets.windows import Windows
from tests.adapters.shifts import shifted
from tests.nets.tasks import waves

EVEN = np.full(3, 1 / 3)
SOURCE = Windows(*waves(900, 21))
SHARES = (0.8, 0.15, 0.05)


def trial_of(base, values, model=None):
    candidates = {} if model is None else {"a": model}
    return trials(base, candidates, values, source=SOURCE, source_marginal=EVEN, noise=0.05, seed=0)[-1]


@pytest.fixture(scope="module")
def crowded(base):
    """A model that is right about the first class at the cost of the others."""
    bias = base.arrays["10.bias"] + np.array([2, 0, 0], np.float32)
    return Model(base.task, base.layers, {**base.arrays, "10.bias": bias})


def test_at_home_the_weighted_risk_is_the_risk(base):
    trial = trial_of(base, waves(900, 22)[0])
    plain = log_softmax(trial.source_logits)[np.arange(900), SOURCE.labels].mean()
    assert importance_weighted(trial).mean() == pytest.approx(plain, abs=0.05)
    assert deep_embedded(trial).mean() == pytest.approx(plain, abs=0.05)


@pytest.mark.parametrize("validator", [importance_weighted, deep_embedded])
def test_weights_see_what_helps_in_the_pools_own_shares(base, crowded, validator):
    """By the source's shares the crowded model is worse; by the pool's, where its class abounds, it is better."""
    values, labels = waves(900, 23, SHARES)
    trials_there = [trial_of(base, values), trial_of(base, values, crowded)]
    true = [log_softmax(np.log(t.probabilities + 1e-12))[np.arange(900), labels].mean() for t in trials_there]
    plain = [log_softmax(t.source_logits)[np.arange(900), SOURCE.labels].mean() for t in trials_there]
    found = [validator(t).mean() for t in trials_there]
    assert plain[1] < plain[0]
    assert (found[1] - found[0]) - (plain[1] - plain[0]) > 0.5 * ((true[1] - true[0]) - (plain[1] - plain[0]))


def test_where_no_window_of_the_source_looks_alike_weights_are_silent(base):
    trial = trial_of(base, shifted(600, 1)[0])
    assert importance_weighted(trial) is None and deep_embedded(trial) is None


def test_mixed_windows_keep_the_answers_of_a_sound_model_more_often_than_of_a_shaken_one(base):
    values = waves(400, 24)[0]
    random = np.random.default_rng(0)
    noise = {name: array + 0.5 * random.standard_normal(array.shape).astype(np.float32)
             for name, array in base.arrays.items() if name.endswith("kernel")}  # fmt: skip
    shaken = Model(base.task, base.layers, {**base.arrays, **noise})
    assert mixed(trial_of(base, values)).mean() > mixed(trial_of(base, values, shaken)).mean()


def test_one_answer_for_all_keeps_it(base):
    bias = base.arrays["10.bias"] + np.array([90, 0, 0], np.float32)
    one = Model(base.task, base.layers, {**base.arrays, "10.bias": bias})
    np.testing.assert_array_equal(mixed(trial_of(base, waves(50, 25)[0], one)), 1)


def test_a_single_window_is_no_probe(base):
    trial = trial_of(base, waves(50, 25)[0])
    assert mixed(dataclasses.replace(trial, values=trial.values[:1], probabilities=trial.probabilities[:1])) is None
