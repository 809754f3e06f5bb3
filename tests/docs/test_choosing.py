"""The page that tells which method when names every scope and every objective there is."""

import re
from pathlib import Path

from adapters.catalog import COUNTED, OBJECTIVES, SCOPES

PAGE = Path(__file__).parents[2] / "docs" / "choosing.md"


def _first_column(heading: str) -> set[str]:
    text = PAGE.read_text().split(f"## {heading}")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def test_every_scope_is_told() -> None:
    assert _first_column("Scopes, cheapest first") == {f"{name}(n)" if name in COUNTED else name for name in SCOPES}


def test_every_objective_is_told() -> None:
    assert _first_column("Objectives") == set(OBJECTIVES)


def test_what_an_objective_needs_is_told_rightly() -> None:
    for line in PAGE.read_text().splitlines():
        if (found := re.match(r"\| `(\w+)` \| ([^|]+) \|", line)) and found[1] in OBJECTIVES:
            term = OBJECTIVES[found[1]]
            assert ("closed" in found[2]) == (term.solve is not None), found[1]
            assert ("both" in found[2]) == ("source windows" in {str(need) for need in term.needs}), found[1]
