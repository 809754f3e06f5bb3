"""What limits the evidence is said in plain words, and nothing is said of a pool that lacks nothing."""

import numpy as np
import pytest

from adapters.receipt.remarks import remarks
from slipway.spec import Channel, SensorSpec, TaskSpec

TASK = TaskSpec("walk", SensorSpec((Channel("acc_x", "g"), Channel("acc_y", "g")), 10.0, 8), ("rest", "walk", "run"))


def pool(count: int = 100) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 8, 2)).astype(np.float32)


def evenly(count: int = 100) -> np.ndarray:
    return np.arange(count) % 3


def test_a_sound_pool_gives_no_remark() -> None:
    assert remarks(TASK, pool(), evenly().astype(np.int32), evenly()) == ()
    assert remarks(TASK, pool(), None, evenly()) == ()


@pytest.mark.parametrize(("count", "words"), [(1, "one window"), (31, "31 windows")])
def test_a_small_pool(count: int, words: str) -> None:
    assert any(words in line for line in remarks(TASK, pool(count), None, evenly(count)))


def test_a_constant_channel_is_named_with_its_value_and_unit() -> None:
    values = pool()
    values[..., 1] = 0.5
    assert remarks(TASK, values, None, evenly()) == ("The channel acc_y is constant in the whole pool, at 0.5 g.",)


def test_a_saturated_channel_is_named_with_the_end_at_which_it_sits() -> None:
    values = np.minimum(pool(), np.float32(1.0))
    found = remarks(TASK, values, None, evenly())
    assert [line.split(" in ")[0] for line in found] == [
        "The channel acc_x sits at its highest value 1 g",
        "The channel acc_y sits at its highest value 1 g",
    ]


def test_a_switch_has_to_be_at_an_end_of_its_range() -> None:
    values = pool()
    values[..., 0] = values[..., 0] > 0
    assert remarks(TASK, values, None, evenly()) == ()


def test_labels_of_one_class_and_missing_classes() -> None:
    (one,) = remarks(TASK, pool(), np.full(100, 1, np.int32), evenly())
    assert one.startswith("Every label is walk") and "other 2 classes" in one
    (missing,) = remarks(TASK, pool(), (evenly() % 2).astype(np.int32), evenly())
    assert missing == "No window is labelled run."


def test_a_base_that_answers_one_class_only() -> None:
    (line,) = remarks(TASK, pool(), None, np.full(100, 2))
    assert line.startswith("The base answers run in 100% of the pool")
