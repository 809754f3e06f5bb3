"""Accuracy, macro-F1 and confusion, against what a hand counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.metrics import accuracy, confusion, macro_f1


def test_a_small_case_is_what_a_hand_counts() -> None:
    counts = confusion(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1], np.int32), 3)
    assert counts.tolist() == [[1, 0, 0], [1, 2, 0], [0, 0, 0]]
    assert accuracy(counts) == 0.75
    assert macro_f1(counts) == pytest.approx((2 / 3 + 4 / 5) / 2)  # the third class never occurs and does not count


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1))
def test_right_answers_alone_score_one(pairs: list[tuple[int, int]]) -> None:
    answers, labels = (np.array(column) for column in zip(*pairs, strict=True))
    counts = confusion(answers, labels.astype(np.int32), 5)
    assert counts.sum() == len(pairs)
    assert (accuracy(counts) == 1.0) == (macro_f1(counts) == 1.0) == bool((answers == labels).all())
