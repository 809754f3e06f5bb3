"""Every command on a page is one that the command lines know, with options that they take."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from service.cli import app as server_app
from slipway.cli.main import app as client_app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
APPS = {"slipway": client_app, "slipway-server": server_app}
COMMAND = re.compile(r"(?: {4}|\$ )?((?:[A-Z_]+=\S+ )*slipway(?:-server)? [a-z].*)")
STRANGERS = ("slipway-server listens", "slipway-server litert model.safetensors --calibration windows.npz --output")
FILES = (
    *("sensor.json", "recording.npz", "windows.npz", "windows.ndjson", "net.onnx", "task.json", "model.safetensors"),
    *("1.root.json", "targets.pem", "update.zip", "token.txt", "drafts/targets.json", "rover.slipway"),
)


def commands(page: Path) -> list[str]:
    """The lines of a page, in blocks of code, that begin with a command of ours; pipes and redirections left off."""
    text = page.read_text()
    fenced = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
    blocks = (*fenced.findall(text), *re.findall(r"^(?: {4}.*\n)+", fenced.sub("", text), re.MULTILINE))
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    found = [match[1] for line in lines if (match := COMMAND.fullmatch(line))]
    return [re.split(r" [|<>&]+ | # ", line)[0] for line in found if not line.startswith(STRANGERS)]


LINES = [pytest.param(line, id=f"{page.name}: {line}") for page in PAGES for line in commands(page)]


def parse(line: str) -> None:
    """Read a command as the shell would, without running it."""
    name, *words = [word for word in shlex.split(line) if not re.fullmatch(r"[A-Z_]+=.*", word)]
    command: Any = typer.main.get_command(APPS[name])
    while isinstance(command, TyperGroup) and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    assert not isinstance(command, TyperGroup) or words[:1] == ["--help"], f"No such command: {line}"
    if "--help" not in words:
        command.make_context(name, words)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files that pages name."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "keys").mkdir()
    monkeypatch.chdir(tmp_path)


def test_pages_have_commands() -> None:
    assert len(LINES) > 60


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_a_page_is_known(line: str) -> None:
    parse(line)


@pytest.mark.parametrize(
    "line",
    [
        "slipway job conjure x",
        "slipway job identify rover garage --magic 3",
        "slipway-server updates conjure x",
        "slipway-server updates init --keys k --magic 3",
    ],
)
def test_a_planted_offence_is_found(line: str) -> None:
    with pytest.raises(Exception, match=r"(?i)no such"):
        parse(line)
