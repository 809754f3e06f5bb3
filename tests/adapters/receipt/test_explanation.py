"""The service says in one sentence why it tries what it tries."""

import numpy as np
import pytest

from adapters.choice import STATISTICS
from adapters.receipt.explanation import explain
from adapters.recipe import default_plans

NONE = np.full(90, -1, np.int32)
FEW = np.where(np.arange(90) < 30, np.arange(90) % 3, -1).astype(np.int32)
MANY = (np.arange(600) % 3).astype(np.int32)


@pytest.mark.parametrize(
    ("labels", "because"),
    [
        (None, "no window is labelled"),
        (NONE, "no window is labelled"),
        (FEW, "30 windows are labelled, about 10 a class"),
        (MANY, "600 windows are labelled, about 200 a class"),
    ],
)
def test_it_names_every_candidate_and_the_labels_it_counted(labels: np.ndarray | None, because: str) -> None:
    plans = default_plans(labels, 3)
    words = explain(STATISTICS, plans, labels, 3)
    assert because in words
    assert all(name in words for name in (*STATISTICS, *plans))
    assert words.count(". ") == 0 and words.endswith(".")


def test_it_names_the_budget() -> None:
    words = explain({}, default_plans(None, 3), None, 3, byte_budget=2048)
    assert "within 2,048 bytes" in words and "statistics of the device" not in words
