"""docs/importing.md: its commands are known, and its task is one."""

import json
import re
from pathlib import Path

import pytest

from slipway.spec import TaskSpec
from tests.docs.test_api import parse

PAGE = (Path(__file__).parents[2] / "docs" / "importing.md").read_text()
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_page_is_known(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("net.onnx", "task.json"):
        (tmp_path / name).touch()
    parse(line)


def test_the_task_of_the_page_is_one() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert TaskSpec.from_json(json.loads(block)).sensor.window_shape == (32, 2)
