"""A budget is spent only where the objective has something to pull."""

import pytest

from adapters import catalog
from adapters.movable import moves
from nets.model import Model


@pytest.mark.parametrize(
    ("objective", "scope", "expected"),
    [
        ("moments", "norm_statistics", True),
        ("moments", "input_statistics", True),
        ("moments", "head", False),
        ("information_maximisation", "norm_statistics", False),
        ("information_maximisation", "norm_affine", True),
        ("information_maximisation", "lora(2)", True),
        ("cross_entropy", "head", True),
        ("moments + coral", "norm_affine", False),
        ("moments + coral", "full", True),
        ("coral_map", "head", True),
        ("coral_map", "norm_affine", False),
    ],
)
def test_what_an_objective_can_change(base: Model, objective: str, scope: str, expected: bool) -> None:
    if objective == "coral_map" and objective not in catalog.OBJECTIVES:
        pytest.skip("this closed form is not in the table")
    assert moves(catalog.objective(objective), catalog.scope(scope), base) is expected
