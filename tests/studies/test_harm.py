"""What the harm study counts, and that its methods and scenarios fit each other."""

from pathlib import Path

import pytest

from adapters.catalog import objective, scope
from adapters.objective import CLASSES, OUTPUTS
from studies.harm import Run, draw, summary
from studies.methods import methods
from studies.scenarios import SCENARIOS, turned


def ran(scenario: str, method: str, gain: float, *, shipped: bool = False, defended: bool = False) -> Run:
    return Run(scenario, 0, method, 0.5, 0.5 + gain, 0.0, defended or shipped, shipped, None, "")


RUNS = [
    ran("a", "calm", 0.10, shipped=True),
    ran("a", "bold", 0.30),
    ran("b", "calm", -0.02, shipped=True),
    ran("b", "bold", -0.20, defended=True),
]


def test_harm_is_counted_among_what_was_shipped() -> None:
    found = summary(RUNS)
    assert (found["runs"], found["cells"], found["shipped"], found["defended"]) == (4, 2, 2, 3)
    assert (found["harmful_runs"], found["shipped_worse"], found["defended_worse"]) == (2, 1, 2)
    assert found["worst_drop"] == pytest.approx(-0.02)


def test_gains_are_compared_with_the_best_single_method_and_with_an_oracle() -> None:
    found = summary(RUNS)
    assert found["best_single_method"] == "bold"
    assert found["gain_kept"] == pytest.approx(0.08 / 0.10)
    assert found["gain_kept_of_oracle"] == pytest.approx(0.08 / 0.30)


def test_keeping_the_base_keeps_no_gain_and_does_no_harm() -> None:
    found = summary([ran("a", "calm", 0.1), ran("a", "bold", -0.4)])
    assert (found["shipped"], found["shipped_worse"], found["gain_kept"]) == (0, 0, 0)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_method_serves_the_scenarios_task(name: str) -> None:
    task = SCENARIOS[name].task
    kind = OUTPUTS if task.outputs else CLASSES
    for plan in methods(task).values():
        scope(plan.scope)
        assert all(kind in term.kinds for term in objective(plan.objective).terms), plan


def test_a_planted_fault_is_a_turn() -> None:
    import numpy as np

    values = np.random.default_rng(0).normal(size=(3, 5, 6)).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(turned(values)[..., :3], axis=2), np.linalg.norm(values[..., :3], axis=2))
    np.testing.assert_array_equal(turned(turned(values)), values)


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    draw(RUNS, tmp_path / "harm.png")
    assert (tmp_path / "harm.png").stat().st_size > 5000
