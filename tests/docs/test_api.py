"""Every command in docs/api.md is one that the command lines know, with options that they take."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from service.cli import app as server_app
from slipway.cli.main import app as client_app

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
APPS = {"slipway": client_app, "slipway-server": server_app}
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL) for line in block.splitlines()]


def parse(line: str) -> None:
    """Read a command as the shell would, without running it."""
    name, *words = [word for word in shlex.split(line) if not re.fullmatch(r"[A-Z_]+=.*", word)]
    command: Any = typer.main.get_command(APPS[name])
    while isinstance(command, TyperGroup):
        assert words[0] in command.commands, f"No such command: {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    command.make_context(name, words)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files that the page names."""
    for name in ("sensor.json", "recording.npz"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)


def test_there_are_commands() -> None:
    assert len(LINES) > 10


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_page_is_known(line: str) -> None:
    parse(line)


@pytest.mark.parametrize("line", ["slipway job conjure x", "slipway job identify rover garage --magic 3"])
def test_a_planted_offence_is_found(line: str) -> None:
    with pytest.raises(Exception, match=r"(?i)no such"):
        parse(line)
