"""A trial ends: a version that works passes, one that does not is told, and nothing is told of one that might."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.edge import health
from slipway.edge.health import Limits, Trial
from slipway.errors import Reason

LIMITS = Limits(windows=50, quiet_s=600.0, failure_share=0.1, answer_s=10.0)
INPUTS = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)
OUTPUTS = np.arange(8, dtype=np.float32).reshape(4, 2)
START = health.begin(INPUTS, OUTPUTS)


def window(n: int, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(3, 2)).astype(np.float32) * np.float32(scale)


def answers(trial: Trial, count: int, *, scale: float = 1.0, constant: bool = False, elapsed_s: float = 0.01) -> Trial:
    for n in range(count):
        logits = np.array([0 if constant else n, 1], np.float32)
        trial = health.answered(trial, window(n, scale), logits, elapsed_s, LIMITS)
    return trial


def test_a_version_passes_with_so_many_windows_and_not_before() -> None:
    assert not health.stood(answers(START, 49), 1.0, LIMITS)
    assert health.stood(answers(START, 50), 1.0, LIMITS)


def test_where_windows_are_rare_it_passes_with_ten_minutes_without_a_failure() -> None:
    assert not health.stood(START, 599.0, LIMITS)
    assert health.stood(answers(START, 1), 600.0, LIMITS)
    assert not health.stood(health.failed(START, "it crashed"), 600.0, LIMITS)


@given(st.lists(st.booleans(), max_size=80))
def test_in_whatever_order_it_fails_with_more_than_a_tenth_of_the_trial_unanswered(history: list[bool]) -> None:
    trial = START
    for n, good in enumerate(history):
        if good:
            trial = health.answered(trial, window(n), np.array([n, 1], np.float32), 0.01, LIMITS)
        else:
            trial = health.failed(trial, "it is not a finite number")
    refusal = health.gate("models/rover/versions/2", trial, LIMITS)
    assert (refusal is not None) == (history.count(False) > 5)
    assert health.stood(trial, 0.0, LIMITS) == (refusal is None and len(history) >= 50)
    if refusal is not None:
        assert refusal.reason is Reason.HEALTH_GATE and "it is not a finite number" in str(refusal)


def test_an_answer_that_comes_too_late_is_none() -> None:
    assert "10 s are allowed" in health.problem(answers(START, 6, elapsed_s=10.1), LIMITS)
    assert health.problem(answers(START, 6, elapsed_s=9.9), LIMITS) == ""


def test_one_answer_to_windows_that_differ_is_a_failure() -> None:
    assert "one and the same answer" in health.problem(answers(START, 50, constant=True), LIMITS)
    almost = health.answered(answers(START, 49, constant=True), window(7), np.array([5, 1], np.float32), 0.01, LIMITS)
    assert health.problem(answers(almost, 30, constant=True), LIMITS) == ""


def test_one_answer_to_a_sensor_at_rest_is_none_and_to_what_the_self_test_promises() -> None:
    assert health.problem(answers(START, 50, scale=0.1, constant=True), LIMITS) == ""
    promised = health.begin(INPUTS, np.ones((4, 2), np.float32))
    assert health.problem(answers(promised, 50, constant=True), LIMITS) == ""


def test_the_scale_is_that_of_the_self_test() -> None:
    """Millivolts in place of volts are a scale, not a rest."""
    small = health.begin(INPUTS * np.float32(1e-3), OUTPUTS)
    assert "one and the same answer" in health.problem(answers(small, 50, scale=1e-3, constant=True), LIMITS)


@pytest.mark.parametrize(("starts", "loops"), [(0, False), (2, False), (3, True), (9, True)])
def test_after_three_starts_that_did_not_end_well_there_is_no_fourth(starts: int, loops: bool) -> None:
    refusal = health.boot_loop("models/rover/versions/2", starts)
    assert (refusal is not None) == loops
    assert refusal is None or refusal.reason is Reason.BOOT_LOOP


def test_what_a_trial_remembers_does_not_grow() -> None:
    long = answers(START, 500)
    assert (long.logits, long.unlike) == (None, 0)
    same = answers(START, 500, constant=True)
    assert same.window is not None and same.window.shape == (3, 2)
