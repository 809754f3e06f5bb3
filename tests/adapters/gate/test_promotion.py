"""The gate lets through what it can defend, and otherwise keeps the base and says why."""

import json

import numpy as np
import pytest

from adapters.catalog import VALIDATORS
from adapters.choice import STATISTICS, Plan, choose
from adapters.engine import adapt
from adapters.gate import evidence
from adapters.gate.decision import Rules
from adapters.gate.promotion import decide
from adapters.gate.rehearsal import Effort
from nets.inference import logits, probabilities
from nets.model import Model
from nets.windows import Windows
from tests.adapters.shifts import accuracy, drifted, shifted
from tests.nets.tasks import waves

POOL = shifted(500, 1)[0]
TEST = shifted(600, 2)
HOME = waves(500, 3)
NEAR = drifted(500, 1)[0]
NEAR_TEST = drifted(600, 2)
HARD = waves(1500, 11)
EFFORT = Effort(worlds=2, sensors=2, windows=200)


@pytest.fixture(scope="module")
def corrected(base):
    return adapt(base, scope="input_statistics", objective="moments", target_values=POOL).model


@pytest.fixture(scope="module")
def near_corrected(base):
    return adapt(base, scope="input_statistics", objective="moments", target_values=NEAR).model


def with_bias(model, bias):
    """``model`` as it would be after a collapse into the classes that ``bias`` favours."""
    return Model(model.task, model.layers, {**model.arrays, "10.bias": np.asarray(bias, np.float32)})


def test_a_helpful_adapter_passes(base, pretrained, near_corrected):
    decision = decide(base, {"input_statistics": near_corrected}, NEAR, home_confidence=pretrained.confidence)
    assert decision.promoted and decision.chosen == "input_statistics"
    assert accuracy(near_corrected, *NEAR_TEST) > accuracy(base, *NEAR_TEST) + 0.01


def test_far_from_home_only_labels_can_tell(base, pretrained, corrected):
    candidates, home = {"input_statistics": corrected}, {"home_confidence": pretrained.confidence}
    silent = decide(base, candidates, POOL, **home)
    assert not silent.promoted and "far from home" in silent.reason
    assert decide(base, candidates, POOL, labelled=Windows(TEST[0][:30], TEST[1][:30]), **home).promoted
    assert accuracy(corrected, *TEST) > accuracy(base, *TEST) + 0.2


def test_a_candidate_may_not_change_more_than_the_base_can_have_wrong(base, pretrained, near_corrected):
    scale = np.abs(logits(near_corrected, NEAR)).mean()
    greedy = {f"{share:.1f}": with_bias(near_corrected, [share * scale, 0, 0]) for share in np.arange(0.5, 2.0, 0.1)}
    found = [decide(base, {name: one}, NEAR, home_confidence=pretrained.confidence) for name, one in greedy.items()]
    expected = 1 - found[0].evidence[0].confidence
    assert all(decision.evidence[1].changed <= expected for decision in found if decision.promoted)
    held_back = [d for d in found if not d.evidence[1].veto and d.evidence[1].changed > expected]
    assert held_back and all("changes" in decision.reason for decision in held_back)


def test_at_home_there_is_nothing_to_treat(base, pretrained, corrected):
    decision = decide(base, {"input_statistics": corrected}, HOME[0], home_confidence=pretrained.confidence)
    assert (decision.chosen, decision.promoted) == ("base", False)
    assert "no symptom" in decision.reason


def test_a_collapsed_model_is_vetoed_though_it_is_very_sure(base, pretrained):
    collapsed = with_bias(base, [40, 0, 0])
    decision = decide(base, {"collapsed": collapsed}, POOL, home_confidence=pretrained.confidence)
    row = decision.evidence[1]
    assert not decision.promoted and row.veto and row.rank is None
    assert row.scores["consistency"] > decision.evidence[0].scores["consistency"]


def test_information_maximisation_on_one_class_is_refused(base, pretrained):
    one = HOME[0][HOME[1] == 0]
    chosen = choose(
        base, {"spread": Plan("norm_affine", "information_maximisation")}, target_values=one,
        home_confidence=pretrained.confidence,
    )  # fmt: skip
    assert not chosen.decision.promoted and chosen.model is base


def test_a_small_pool_is_no_evidence(base, pretrained, corrected):
    decision = decide(base, {"input_statistics": corrected}, POOL[:9], home_confidence=pretrained.confidence)
    assert not decision.promoted and "9 windows" in decision.reason


def test_without_a_word_about_home_only_labels_can_speak(base, corrected):
    silent = decide(base, {"input_statistics": corrected}, POOL)
    assert not silent.promoted and "at home" in silent.reason
    labelled = Windows(TEST[0][:30], TEST[1][:30])
    told = decide(base, {"input_statistics": corrected}, POOL, labelled=labelled)
    assert told.promoted and told.evidence[1].labelled_accuracy > told.evidence[0].labelled_accuracy


def test_clear_labels_stop_what_looks_good(base, pretrained, corrected):
    as_the_base_says = Windows(POOL[:60], logits(base, POOL[:60]).argmax(1).astype(np.int32))
    told = {"labelled": as_the_base_says, "home_confidence": pretrained.confidence}
    decision = decide(base, {"input_statistics": corrected}, POOL, **told)
    assert not decision.promoted


def test_no_candidate_no_promotion(base, pretrained):
    assert not decide(base, {}, POOL, home_confidence=pretrained.confidence).promoted
    assert not decide(base, {"same": base}, POOL, home_confidence=pretrained.confidence).promoted


def test_the_choice_runs_the_statistics_and_the_plan_and_prints(base, pretrained):
    chosen = choose(
        base, {"affine": Plan("norm_affine", "information_maximisation")}, target_values=NEAR,
        home_confidence=pretrained.confidence,
    )  # fmt: skip
    assert set(chosen.candidates) == {*STATISTICS, "affine"}
    assert [row.name for row in chosen.decision.evidence] == ["base", *chosen.candidates]
    assert chosen.decision.promoted and accuracy(chosen.model, *NEAR_TEST) > accuracy(base, *NEAR_TEST)
    json.dumps(chosen.to_json(), allow_nan=False)


def test_more_validators_can_be_voted_with(base, pretrained, near_corrected):
    only = {
        "familiarity": evidence.familiarity,
        "certainty": lambda trial: trial.probabilities.max(1).astype(np.float64),
    }
    decision = decide(base, {"a": near_corrected}, NEAR, validators=only, home_confidence=pretrained.confidence)
    assert set(decision.evidence[0].scores) == set(only)
    assert decision.promoted


def test_source_windows_give_a_validator_and_the_home_confidence(base, near_corrected):
    source = Windows(*HOME)
    candidates = {"input_statistics": near_corrected, "forgot": with_bias(base, [3, 0, 0])}
    decision = decide(base, candidates, NEAR, source=source)
    assert decision.promoted and set(decision.evidence[0].scores) == set(VALIDATORS)
    base_row, corrected_row, forgot = decision.evidence
    assert corrected_row.scores["source_risk"] == pytest.approx(base_row.scores["source_risk"])
    assert forgot.scores["source_risk"] < base_row.scores["source_risk"]


def test_far_from_home_a_rehearsal_can_tell(base, pretrained):
    chosen = choose(
        base, {}, target_values=POOL, source_values=HOME[0], source_labels=HOME[1],
        home_confidence=pretrained.confidence, effort=EFFORT,
    )  # fmt: skip
    assert chosen.decision.promoted and "rehearsed" in chosen.decision.reason
    assert accuracy(chosen.model, *TEST) > accuracy(base, *TEST) + 0.2
    assert chosen.decision.rehearsal["overlap"] < 0.1
    json.dumps(chosen.to_json(), allow_nan=False)


def test_a_rehearsal_must_promise_more_than_it_may_be_wrong_by(base, pretrained):
    """What it promises here is tens of points; a gate that trusts rehearsals less keeps the base, and says so."""
    chosen = choose(
        base, {}, target_values=POOL, source_values=HOME[0], source_labels=HOME[1],
        home_confidence=pretrained.confidence, effort=EFFORT, rules=Rules(margin=0.95),
    )  # fmt: skip
    assert not chosen.decision.promoted and "95 are needed" in chosen.decision.reason
    assert max(row.gain_bound or 0.0 for row in chosen.decision.evidence) > 0.1


def test_what_changes_no_answer_is_not_shipped(base, pretrained):
    """Labels that both have right prefer neither, and neither may anything else."""
    same = with_bias(base, base.arrays["10.bias"])
    source = Windows(*HOME)
    for labelled in (None, Windows(TEST[0][:30], TEST[1][:30])):
        found = decide(
            base, {"same": same}, POOL, labelled=labelled, source=source, methods={"same": lambda values: same},
            home_confidence=pretrained.confidence, effort=EFFORT,
        )  # fmt: skip
        assert not found.promoted and found.evidence[1].changed == 0


def test_another_world_is_no_reason_to_change(base, pretrained):
    """The trap: other windows of the same sensor, on which matched statistics look better and are worse."""
    hard = HARD[0][probabilities(base, HARD[0]).max(1) < 0.97]
    hard = np.concatenate([hard, HARD[0][HARD[1] == 0][: 2 * len(hard)]])
    home = float(probabilities(base, HARD[0]).max(1).mean()) + 0.1
    chosen = choose(
        base, {}, target_values=hard, source_values=HOME[0], source_labels=HOME[1], home_confidence=home, effort=EFFORT
    )
    assert not chosen.decision.promoted
    assert chosen.decision.rehearsal["world_stands"]


def test_a_candidate_that_was_not_rehearsed_is_judged_by_signs(base, pretrained, near_corrected):
    source = Windows(*HOME)
    decision = decide(base, {"a": near_corrected}, NEAR, source=source, home_confidence=pretrained.confidence)
    assert decision.rehearsal is None and decision.evidence[1].gain_bound is None
    assert decision.promoted


@pytest.mark.parametrize("pool", ["constant", "saturated", "one window", "one class"])
def test_what_no_evidence_is_in_is_survived_with_the_reason(base, pretrained, pool):
    values = {
        "constant": np.full((64, 16, 3), 0.3, np.float32),
        "saturated": np.clip(POOL * np.array([1, 100, 1], np.float32), -1, 1),
        "one window": POOL[:1],
        "one class": HOME[0][HOME[1] == 1],
    }[pool]
    plans = {"affine": Plan("norm_affine", "information_maximisation")}
    chosen = choose(
        base, plans, target_values=values, source_values=HOME[0], source_labels=HOME[1],
        home_confidence=pretrained.confidence, effort=EFFORT,
    )  # fmt: skip
    assert np.isfinite(logits(chosen.model, HOME[0])).all()
    assert chosen.decision.reason
    json.dumps(chosen.to_json(), allow_nan=False)
    if pool in ("constant", "one window", "one class"):
        assert not chosen.decision.promoted


def test_verdicts_are_said_of_every_candidate(base, pretrained, near_corrected):
    candidates = {"corrected": near_corrected, "collapsed": with_bias(base, [40, 0, 0])}
    rows = decide(base, candidates, NEAR, home_confidence=pretrained.confidence).evidence
    assert [row.defended for row in rows] == [False, True, False]
