"""The report of a search: it holds everything it shows, says who judged, and hides nothing that was tried."""

import base64
import io
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from export.fit.cost import Cost
from export.fit.profile import Profile
from export.fit.report import Told, report
from export.fit.search import Fitted
from export.fit.table import Row
from nets.layers import Dense
from slipway.spec import Channel
from tests.nets.models import small
from tests.nets.tasks import task

WATCH = Profile("watch", 90_000, 16_000, 60e6, 0.1, core="cortex-m4f")
ROWS = (
    Row("cnn, width 1", Cost(208_600, 7_100, 9_400_000), "too large: flash_bytes", fits=False),
    Row("cnn, width 0.5", Cost(85_700, 5_200, 3_800_000, True), "chosen", 1800, 0.9834, 0.9812),
    Row("ds_cnn, width 1", Cost(30_000, 9_000, 2_000_000, True), "finalist", 1800, 0.9701, 0.9688),
    Row("mlp, width 1", Cost(60_000, 2_000, 60_000), "left behind in round 1", 200, 0.9123),
    Row("mlp, width 0.5", Cost(12_000, 1_500, 16_000), "fits, not tried"),
)
TOLD = Told(
    title="watch-small for watch",
    base="models/watch/versions/1",
    base_cost=Cost(208_600, 7_100, 9_400_000),
    learning_count=4000,
    judging_count=1000,
    labelled=True,
    seconds=312.4,
    origin=(("base", "models/watch/versions/1", ""), ("windows", "datasets/wrist, 5,000 windows", "ab" * 32)),
)


def found(rows: tuple[Row, ...] = ROWS, profile: Profile = WATCH) -> Fitted:
    (chosen,) = (row for row in rows if row.fate == "chosen")
    return Fitted(small(), b"", chosen.cost, 0.9812, 0.9821, rows, profile)


@cache
def page() -> str:
    return report(found(), TOLD)


class Cells(HTMLParser):
    """The cells of every row of a page, as text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        self._open = tag in ("td", "th") or (self._open and tag == "div")
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "tr"

    def handle_data(self, data: str) -> None:
        if self._open and self.rows:
            self.rows[-1][-1] += data.strip()


def rows_of(text: str) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in Cells(text).rows}


def test_every_candidate_has_a_line_with_what_is_known_of_it() -> None:
    lines = rows_of(page())
    assert lines["cnn, width 0.5"] == [
        *("85.7 kB", "5.2 kB", "3.80 M", "63.3 ms", "1800", "98.3%", "98.1%", "×", "chosen"),
    ]
    assert lines["mlp, width 1"] == ["60.0 kB", "2.0 kB", "0.06 M", "1 ms", "200", "91.2%", "", "×", ROWS[3].fate]
    assert lines["mlp, width 0.5"][4:] == ["", "", "", "", "fits, not tried"], "no claim about what was not tried"
    order = [row[0] for row in Cells(page()).rows if row[0] in {row.name for row in ROWS}]
    assert order == ["cnn, width 0.5", "ds_cnn, width 1", "mlp, width 1", "cnn, width 1", "mlp, width 0.5"]


def test_what_the_device_has_stands_beside_what_is_taken_and_what_the_base_would_take() -> None:
    lines = rows_of(page())
    assert lines["flash"] == ["90.0 kB", "85.7 kB", "95%", "", "208.6 kB"]
    assert lines["memory"] == ["16.0 kB", "5.2 kB", "32%", "", "7.1 kB"]
    assert lines["an inference"] == ["100 ms", "63.3 ms", "63%", "", "157 ms"]
    assert re.findall(r'<td class="bad">([^<]*)', page()) == ["208.6 kB", "157 ms"], "what does not fit is marked"
    assert "Measured on an emulated cortex-m4f" in page()
    assert "5 nets were considered: 1 too large" in page() and "2 of them quantized" in page()


def test_without_a_limit_on_time_none_is_shown_and_an_estimate_is_called_one() -> None:
    rows = tuple(replace(row, cost=replace(row.cost, measured=False)) for row in ROWS)
    text = report(found(rows, replace(WATCH, latency_s=None, core=None)), replace(TOLD, base_cost=None))
    assert rows_of(text)["an inference"] == ["any", "63.3 ms", "", "", ""]
    assert "Estimated: weights" in text and "Measured" not in text and 'class="bad"' not in text


def test_the_page_needs_nothing_beside_it() -> None:
    assert not re.search(r'(src|href)="(?!data:)', page()) and "<script" not in page() and "@import" not in page()
    (picture,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page())
    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    assert image.format == "PNG" and np.asarray(image.convert("L")).std() > 10, "it is not blank"


@pytest.mark.parametrize(
    ("labelled", "regression", "words"),
    [
        (True, False, "answered right"),
        (False, False, "answered as the base does"),
        (True, True, "mean R² of the answers"),
        (False, True, "mean R² against the base's own answers"),
    ],
)
def test_it_says_what_accuracy_means(labelled: bool, regression: bool, words: str) -> None:
    one = found()
    if regression:
        layers = (*small().layers[:-1], Dense(1))
        one = replace(one, model=small(replace(task(), classes=(), outputs=(Channel("a", "1"),)), 0, layers))
    text = report(one, replace(TOLD, labelled=labelled))
    assert words in text.replace("&#39;", "'")
    assert ("No window held out carries a label" in text) is not labelled
    assert ("0.981" in text) is regression and ("98.1%" in text) is not regression


def test_names_from_outside_cannot_become_markup() -> None:
    text = report(found(profile=replace(WATCH, name="<b>watch</b>")), replace(TOLD, title="<i>x</i>"))
    assert "<b>watch</b>" not in text and "&lt;b&gt;watch" in text and "<i>x</i>" not in text
