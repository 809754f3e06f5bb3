"""The Python of a page works as it stands: its blocks are run in order, in one namespace, in an empty folder."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    "worlds.md",
    "priors.md",
    "sensors.md",
    "identification.md",
    "fronts.md",
    "transfer.md",
    "int8.md",
    "deltas.md",
    "c.md",
    "litert.md",
    "fitting.md",
    "updates.md",
    "drift.md",
]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_works(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text()
    blocks = list(re.finditer(r"```python\n(.*?)```", text, re.DOTALL))
    assert blocks
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        line = text[: block.start(1)].count("\n")
        code = "\n" * line + block[1]  # so that an error names the line of the page
        exec(compile(code, str(DOCS / page), "exec"), names)


def test_a_page_that_is_wrong_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong.md").write_text("# Wrong\n\n```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n")
    monkeypatch.setattr("tests.docs.test_python.DOCS", tmp_path)
    with pytest.raises(AssertionError):
        test_the_python_of_a_page_works("wrong.md", tmp_path, monkeypatch)
