"""The page of the studies: what was found, and what was found before."""

from pathlib import Path

from studies import page
from studies.__main__ import PAGE, STUDIES
from tests.service.process import ROOT


def test_a_section_without_new_results_stays_as_it_is(tmp_path: Path) -> None:
    before = (ROOT / PAGE).read_text()
    copy = tmp_path / "studies.md"
    copy.write_text(before)
    page.write(tmp_path / "nothing", copy, STUDIES)
    assert copy.read_text() == before


def test_without_a_page_only_the_introduction_is_written(tmp_path: Path) -> None:
    page.write(tmp_path / "nothing", tmp_path / "studies.md", STUDIES)
    assert (tmp_path / "studies.md").read_text() == page.INTRODUCTION
