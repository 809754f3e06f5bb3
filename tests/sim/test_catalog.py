"""Every world in the table keeps the contract, and a world of one's own is found by its import path."""

from pathlib import Path

import pytest

from sim.catalog import WORLDS, load
from sim.check import check_world
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec, check_name
from tests.sim.toy import TOY

LEAST_SHARE = {"wearable_phone": 0.1, "wearable_watch": 0.1, "contact_go1": 0.2, "keyword": 0.05}  # of a class


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_a_world_passes_the_checker(name: str) -> None:
    check_world(WORLDS[name], count=1024, least_share=LEAST_SHARE.get(name, 0.01))


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_filed_under_its_name_and_its_task_survives_json(name: str) -> None:
    assert WORLDS[name].name == check_name(name, "world")
    assert TaskSpec.from_json(WORLDS[name].task.to_json()) == WORLDS[name].task


def test_a_world_is_loaded_from_the_table_or_from_a_module() -> None:
    assert load("rover") is WORLDS["rover"]
    assert load("tests.sim.toy:TOY").task == TOY.task


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_broken_world.py").write_text("WORLD = 1 / 0")
    (tmp_path / "a_lacking_world.py").write_text("import not_installed_anywhere")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rovr", "wearable_watch, or module:NAME"),
        ("no_such_module:WORLD", "no such module"),
        ("tests.sim.no_such_module:WORLD", "no such module"),
        (":WORLD", "module:NAME"),
        (".toy:TOY", "module:NAME"),
        ("a_lacking_world:WORLD", "not_installed_anywhere"),
        ("a_broken_world:WORLD", "ZeroDivisionError"),
        ("tests.sim.toy:TOI", "TOY in it"),
        ("tests.sim.toy:", "TOY in it"),
        ("tests.sim.toy:TASK", "TaskSpec"),
    ],
)
def test_what_is_no_world_is_refused(name: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        load(name)
    assert refusal.value.reason is Reason.FIELD_INVALID
    assert refusal.value.field == "world" and refusal.value.remedy
