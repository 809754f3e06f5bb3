"""Labels judge what did not learn them, and what ships has learned them all."""

import numpy as np
import pytest

from adapters.choice import STATISTICS, Plan, choose, hopeless
from adapters.gate.held_out import FEW, FOLDS, hold_out
from adapters.options import Options
from nets.windows import Windows
from tests.adapters.shifts import accuracy, drifted, shifted
from tests.nets.tasks import waves

POOL, LABELS = shifted(400, 1)
TEST = shifted(500, 2)


def known(count):
    return np.where(np.arange(len(LABELS)) < count, LABELS, -1).astype(np.int32)


def test_without_labels_there_is_nothing_to_judge_by():
    found = hold_out(Windows(POOL, known(0)), 3, 0)
    assert found.judged is None and not found.folds


def test_many_labels_are_parted():
    labels = np.resize(LABELS, 4 * FEW).astype(np.int32)
    found = hold_out(Windows(np.resize(POOL, (len(labels), 16, 3)), labels), 3, 0)
    assert not found.folds
    hidden = found.learned == -1
    assert hidden.sum() == len(found.judged.labels) == pytest.approx(0.3 * len(labels), abs=3)
    np.testing.assert_array_equal(np.flatnonzero(hidden), found.rows)


def test_few_labels_are_all_learned_and_each_is_judged_once():
    found = hold_out(Windows(POOL, known(40)), 3, 0)
    assert len(found.judged.labels) == 40 and len(found.folds) == FOLDS
    np.testing.assert_array_equal(np.sort(np.concatenate(found.folds)), np.arange(40))
    for fold in found.folds:
        without = found.without(fold)
        assert (without[found.rows[fold]] == -1).all()
        assert (without != -1).sum() == 40 - len(fold)
        counts = np.bincount(found.judged.labels[fold], minlength=3)
        whole = np.bincount(found.judged.labels, minlength=3)
        assert (np.abs(counts - whole / FOLDS) < 1.01).all()


def test_answers_of_a_regression_are_folded_in_stretches():
    targets = np.full((50, 2), np.nan, np.float32)
    targets[10:40] = 1.0
    found = hold_out(Windows(np.zeros((50, 4, 1), np.float32), targets), 0, 0)
    assert all((np.diff(fold) == 1).all() for fold in found.folds)
    assert np.isnan(found.without(found.folds[0])[found.rows[found.folds[0]]]).all()


def test_labels_promote_what_they_clearly_favour_and_it_helps(base):
    chosen = choose(base, {}, target_values=POOL, target_labels=known(40))
    assert chosen.decision.promoted
    assert accuracy(chosen.model, *TEST) > accuracy(base, *TEST) + 0.2


def test_what_ships_has_learned_every_label_and_is_judged_by_models_that_had_not(base):
    """Labels of chance: by heart they look learned, and where they were held out they do not."""
    labels = known(40)
    labels[:40] = np.random.default_rng(3).integers(0, 3, 40)
    plans = {"all": Plan("full", "cross_entropy")}
    options = Options(steps=60, learning_rate=5e-3, validation_share=0.0)
    chosen = choose(base, plans, statistics={}, target_values=POOL, target_labels=labels, options=options)
    adapted, row = chosen.candidates["all"], chosen.decision.evidence[1]
    assert adapted.report.windows["labelled"] == 40
    assert accuracy(adapted.model, POOL[:40], labels[:40]) > 0.6 > row.labelled_accuracy
    assert not chosen.decision.promoted


HOPELESS = {
    "calm": (waves(80, 7)[0], 0.5, "no symptom"),
    "few windows": (drifted(20, 7)[0], 0.95, "fewer than 32 windows"),
    "nobody knows home": (drifted(80, 7)[0], None, "how sure the base was at home"),
}


@pytest.mark.parametrize(("values", "home", "words"), HOPELESS.values(), ids=HOPELESS.keys())
def test_what_is_called_hopeless_the_gate_lets_through_in_no_case(base, values, home, words):
    """Were the gate to hear another symptom, this would tell: then ``hopeless`` has to hear it as well."""
    assert words in hopeless(base, values, None, home_confidence=home)
    good = {"shown": Plan("norm_affine", "information_maximisation")}
    chosen = choose(base, good, target_values=values, home_confidence=home, options=Options(steps=20))
    assert not chosen.decision.promoted


def test_where_something_may_be_gained_nothing_is_called_hopeless(base):
    values, labels = drifted(200, 7)
    assert not hopeless(base, values, None, home_confidence=0.99)
    assert not hopeless(base, values, labels, home_confidence=0.0), "labels outweigh a missing symptom"


def test_candidates_that_were_made_before_are_not_made_again(base):
    values = drifted(60, 8)[0]
    whole = choose(base, {}, target_values=values, home_confidence=0.99)
    again = choose(base, {}, target_values=values, home_confidence=0.99, made=whole.candidates)
    assert set(whole.candidates) == set(STATISTICS)
    assert all(again.candidates[name] is made for name, made in whole.candidates.items())
    assert again.decision == whole.decision
