"""The gate lets through what it can defend, and otherwise keeps the base and says why."""

import json

import numpy as np
import pytest

from adapters import evidence
from adapters.catalog import VALIDATORS
from adapters.choice import STATISTICS, Plan, choose
from adapters.engine import adapt
from adapters.gate import decide
from nets.inference import logits
from nets.model import Model
from nets.windows import Windows
from tests.adapters.shifts import accuracy, drifted, shifted
from tests.nets.tasks import waves

POOL, LABELS = shifted(500, 1)
TEST = shifted(600, 2)
HOME = waves(500, 3)
NEAR = drifted(500, 1)[0]
NEAR_TEST = drifted(600, 2)


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


def test_labels_for_the_gate_are_not_learned_from(base):
    labels = np.where(np.arange(len(LABELS)) < 60, LABELS, -1).astype(np.int32)
    chosen = choose(base, {"head": Plan("head", "cross_entropy")}, target_values=POOL, target_labels=labels)
    learned = chosen.candidates["head"].report.windows["labelled"]
    assert 0 < learned < 60
    assert chosen.decision.evidence[0].labelled_accuracy is not None


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
