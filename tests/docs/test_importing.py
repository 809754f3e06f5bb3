"""docs/importing.md: its task is one."""

import json
import re
from pathlib import Path

from slipway.spec import TaskSpec

PAGE = (Path(__file__).parents[2] / "docs" / "importing.md").read_text()


def test_the_task_of_the_page_is_one() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert TaskSpec.from_json(json.loads(block)).sensor.window_shape == (32, 2)
