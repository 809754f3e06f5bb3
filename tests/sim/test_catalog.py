"""Every world in the table keeps the contract."""

import pytest

from sim.catalog import WORLDS
from sim.check import check_world
from slipway.spec import TaskSpec, check_name


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_passes_the_checker(name: str) -> None:
    check_world(WORLDS[name])


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_filed_under_its_name_and_its_task_survives_json(name: str) -> None:
    assert WORLDS[name].name == check_name(name, "world")
    assert TaskSpec.from_json(WORLDS[name].task.to_json()) == WORLDS[name].task
