"""Every command in docs/updates.md is one that the command lines know, with options that they take."""

import re
from pathlib import Path

import pytest

from tests.docs.test_api import parse

PAGE = Path(__file__).parents[2] / "docs" / "updates.md"
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL) for line in block.splitlines()]
FILES = ("1.root.json", "targets.pem", "update.zip", "drafts/targets.json")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files that the page names."""
    for name in ("keys", "drafts"):
        (tmp_path / name).mkdir()
    for name in FILES:
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_page_is_known(line: str) -> None:
    assert len(LINES) >= 10
    parse(line)


@pytest.mark.parametrize("line", ["slipway-server updates conjure x", "slipway-server updates init --keys k --magic 3"])
def test_a_planted_offence_is_found(line: str) -> None:
    with pytest.raises(Exception, match=r"(?i)no such"):
        parse(line)
