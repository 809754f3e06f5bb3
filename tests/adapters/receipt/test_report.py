"""The receipt of a real choice, and its page: whole in itself, small enough for mail, and safe with any name."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from adapters.choice import STATISTICS, Chosen, choose
from adapters.gate.decision import Rules
from adapters.options import Options
from adapters.receipt.account import Origin, Told, account
from adapters.receipt.receipt import Data, Receipt
from adapters.receipt.report import Pools, report
from nets.model import Model, changed_arrays
from tests.adapters.shifts import shifted
from tests.nets.tasks import waves

SIZE_LIMIT_BYTES = 200_000
VALUES, LABELS = shifted(300, 5)
SOURCE, SOURCE_LABELS = waves(400, 1)
ORIGIN = Origin("models/m/versions/1", "00" * 32, Data("datasets/d", "11" * 32, 300, 300))


@pytest.fixture(scope="module")
def chosen(base: Model) -> Chosen:
    return choose(
        base, {}, target_values=VALUES, target_labels=LABELS, source_values=SOURCE, source_labels=SOURCE_LABELS
    )


def receipt_of(base: Model, chosen: Chosen, shipped: str) -> Receipt:
    told = Told(remarks=("The channel acc is constant.",), diagnosis=("mounted rotated by 90° about z",))
    return account(
        base,
        chosen,
        ORIGIN,
        told,
        options=Options(),
        rules=Rules(),
        seeds={"norm_statistics": 3},
        shipped=shipped,
        seconds=1.0,
    )


def test_it_lists_the_base_and_every_candidate_with_what_the_gate_saw(base: Model, chosen: Chosen) -> None:
    receipt = receipt_of(base, chosen, "norm_statistics")
    assert [each.name for each in receipt.candidates] == ["base", *STATISTICS]
    assert all(each.evidence["scores"] for each in receipt.candidates)
    ladder = {rung.name: rung for rung in receipt.ladder}
    assert ladder["norm_statistics"].labelled_accuracy > ladder["base"].labelled_accuracy


def test_bytes_are_those_of_the_numbers_that_changed(base: Model, chosen: Chosen) -> None:
    receipt = receipt_of(base, chosen, "norm_statistics")
    changed = changed_arrays(base, chosen.candidates["norm_statistics"].model)
    assert receipt.size_bytes == sum(array.nbytes for array in changed.values()) > 0
    (row,) = (each for each in receipt.candidates if each.name == "norm_statistics")
    assert (row.seed, row.size_bytes, row.int8_bytes) == (3, receipt.size_bytes, receipt.int8_bytes)
    kept = receipt_of(base, chosen, "base")
    assert (kept.size_bytes, kept.int8_bytes) == (0, 0)


class Links(HTMLParser):
    """Everything that a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]


def page(base: Model, chosen: Chosen, receipt: Receipt, labels: np.ndarray | None = LABELS) -> str:
    shown = receipt.shipped if receipt.shipped in chosen.candidates else receipt.nearest()
    model = chosen.candidates[shown].model if shown in chosen.candidates else base
    return report(receipt, base, model, Pools(VALUES, labels, SOURCE), shown=shown)


def test_the_page_is_whole_in_itself_and_fits_into_a_mail(base: Model, chosen: Chosen) -> None:
    text = page(base, chosen, receipt_of(base, chosen, "norm_statistics"))
    links = Links()
    links.feed(text)
    assert len(links.sources) == 4 and all(source.startswith("data:image/png") for source in links.sources)
    assert "script" not in links.tags
    assert len(text.encode()) < SIZE_LIMIT_BYTES


def test_the_page_says_what_was_decided_and_every_remark(base: Model, chosen: Chosen) -> None:
    shipped, kept = receipt_of(base, chosen, "norm_statistics"), receipt_of(base, chosen, "base")
    for receipt, words in ((shipped, "Shipped: norm_statistics"), (kept, "The base is kept.")):
        text = page(base, chosen, receipt, None)
        assert words in text
        assert all(line in text for line in (*receipt.remarks, *receipt.diagnosis))


def test_a_hostile_name_is_only_text(base: Model, chosen: Chosen) -> None:
    receipt = receipt_of(base, chosen, "base")
    target = replace(receipt.target, name="<script>alert(1)</script>")
    links = Links()
    links.feed(page(base, chosen, replace(receipt, target=target)))
    assert "script" not in links.tags


def test_one_window_can_be_drawn(base: Model, chosen: Chosen) -> None:
    receipt = receipt_of(base, chosen, "base")
    assert "<img" in report(receipt, base, base, Pools(VALUES[:1], None, None), shown="base")
