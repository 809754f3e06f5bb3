"""What a base is worth, on a toy where it must be worth something, and where nobody can say."""

import numpy as np
import pytest

from adapters.options import Options
from adapters.receipt.worth import worth
from nets.model import Model
from nets.recipe import STEPS
from tests.adapters.shifts import drifted

VALUES, LABELS = drifted(240, 3)
FEW = Options(steps=40, batch_size=32)


@pytest.mark.slow
def test_a_base_that_knows_the_task_starts_higher(base: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STEPS, "time", 60)
    monkeypatch.setattr("adapters.receipt.worth.SHOTS", (1, 5))
    found = worth(base, VALUES, LABELS, options=FEW, seed=1)
    assert found is not None
    assert found.jumpstart > 0.05


@pytest.mark.parametrize(
    "labels",
    [
        np.full(240, -1, np.int32),
        np.zeros(240, np.int32),
        np.where(np.arange(240) < 12, LABELS, -1).astype(np.int32),
    ],
    ids=["none", "one class", "a dozen"],
)
def test_nothing_is_said_where_labels_do_not_allow_it(base: Model, labels: np.ndarray) -> None:
    assert worth(base, VALUES, labels, options=FEW) is None
