"""What labels say of two models, and what answers of the device say of quantities."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.gate.decision import Rules
from adapters.gate.judge import preferred
from adapters.gate.regression import decide_outputs
from nets.layers import Dense, Flatten
from nets.model import Model
from nets.network import initial_arrays
from nets.windows import Windows
from slipway.spec import Channel, SensorSpec, TaskSpec

ZERO = np.zeros(100, np.int32)


def answers(right, start=0):
    found = np.ones(100, np.int32)
    found[start : start + right] = 0
    return found


def test_the_chance_is_that_of_a_fair_coins_tail():
    """Nine wins and one loss: Beta(10, 2) over a half, by hand."""
    candidate, base = answers(9), answers(1, 50)
    by_hand = sum(math.comb(11, count) for count in range(10)) / 2**11
    assert preferred(candidate, base, ZERO) == pytest.approx(by_hand)
    assert by_hand == pytest.approx(0.9941, abs=1e-4)


def test_windows_that_both_answer_alike_say_nothing():
    assert preferred(answers(30), answers(30), ZERO) == 0.5


@given(st.integers(0, 50), st.integers(0, 50))
def test_two_models_share_the_certainty(wins, losses):
    one, other = answers(wins), answers(losses, 50)
    assert preferred(one, other, ZERO) + preferred(other, one, ZERO) == pytest.approx(1)


def linear(slope):
    sensor = SensorSpec((Channel("x", "1"),), 10.0, 1)
    task = TaskSpec("line", sensor, (), (Channel("y", "1"),))
    layers = (Flatten(), Dense(1))
    arrays = {**initial_arrays(layers, (1, 1), 0), "1.kernel": np.full((1, 1), slope, np.float32)}
    return Model(task, layers, {**arrays, "1.bias": np.zeros(1, np.float32)})


def measured(count, seed=0, noise=0.1):
    random = np.random.default_rng(seed)
    x = random.standard_normal((count, 1, 1)).astype(np.float32)
    return Windows(x, (2 * x[:, 0] + noise * random.standard_normal((count, 1))).astype(np.float32))


def test_quantities_are_promoted_by_answers_of_the_device():
    found = decide_outputs(linear(1.0), {"right": linear(2.0), "worse": linear(0.0)}, measured(60), {}, Rules(), 0)
    assert found.chosen == "right" and found.promoted
    assert found.evidence[1].labelled_accuracy > 0.9 > found.evidence[0].labelled_accuracy
    assert [row.defended for row in found.evidence] == [False, True, False]


def test_quantities_without_answers_or_without_a_difference_keep_the_base():
    assert not decide_outputs(linear(1.0), {"a": linear(2.0)}, None, {}, Rules(), 0).promoted
    assert not decide_outputs(linear(1.0), {"a": linear(2.0)}, measured(4), {}, Rules(), 0).promoted
    assert not decide_outputs(linear(2.0), {"a": linear(2.0)}, measured(60), {}, Rules(), 0).promoted


def test_answers_of_a_model_that_had_not_learned_them_count():
    device = measured(60)
    crossed = {"learned them": np.zeros((60, 1), np.float32)}
    assert not decide_outputs(linear(1.5), {"learned them": linear(2.0)}, device, crossed, Rules(), 0).promoted


def test_windows_nobody_answered_do_not_count():
    device = measured(60)
    device.labels[::2] = np.nan
    assert decide_outputs(linear(1.0), {"right": linear(2.0)}, device, {}, Rules(), 0).promoted
