"""A receipt survives JSON, in both directions of time."""

import json
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.receipt.gains import Gains
from adapters.receipt.receipt import SCHEMA_VERSION, Candidate, Data, Receipt, Rung, Sets
from slipway.errors import Reason, Refused

PAGE = Path(__file__).parents[3] / "docs" / "receipts.md"
EVIDENCE: dict[str, Any] = {"scores": {"information": -0.4}, "rank": 1.5, "veto": ""}
RECEIPT = Receipt(
    base="models/rover/versions/1",
    base_sha256="ab" * 32,
    target=Data("datasets/garage", "cd" * 32, 800, 40),
    source=Data("models/rover/versions/1/artifacts/source", "ef" * 32, 4096, 4096),
    prior={"gain": {"kind": "Uniform", "low": 0.9, "high": 1.1}},
    explanation="No method was named.",
    remarks=("The pool has 3 windows.",),
    candidates=(
        Candidate("base", "", "", {}, 0, {}, None, 0.0, 0, 0, EVIDENCE),
        Candidate("head × cross_entropy", "head", "cross_entropy", {"steps": 400}, 7, {}, 3, 1.5, 80, 40, EVIDENCE),
    ),
    decision={"chosen": "base", "promoted": False, "reason": "keep the base: no symptom"},
    rules={"confidence": 0.95},
    shipped="base",
    ladder=(Rung("base", 0.75, 0.9, 0.0, 0),),
    diagnosis=("mounted rotated by 90° about z",),
    gains=Gains(0.2, 0.1, 0.05, 12.0, (5,)),
    sets=Sets(0.9, "adaptive", (0.7, None), 500, "source", 1.2, 0.91, 0.85, 0.95, 120, "shares alone may differ"),
    seconds=12.5,
    size_bytes=80,
    int8_bytes=40,
)


def test_it_comes_back_as_it_was() -> None:
    assert Receipt.from_json(json.loads(RECEIPT.to_bytes())) == RECEIPT


def test_what_may_be_missing_comes_back_missing() -> None:
    bare = replace(RECEIPT, source=None, prior=None, gains=None, sets=None, remarks=(), diagnosis=())
    assert Receipt.from_json(json.loads(bare.to_bytes())) == bare


@given(st.floats(), st.text())
def test_any_number_and_any_text_make_standard_json(number: float, words: str) -> None:
    receipt = replace(RECEIPT, seconds=number, explanation=words)
    document = json.loads(receipt.to_bytes(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert document["seconds"] == (number if math.isfinite(number) else None)
    assert document["explanation"] == words


def test_fields_of_a_later_time_are_ignored() -> None:
    document = RECEIPT.to_json()
    document["weather"] = document["target"]["weather"] = "rain"
    assert Receipt.from_json(document) == RECEIPT


@pytest.mark.parametrize("found", [SCHEMA_VERSION + 1, None, "1"])
def test_another_schema_is_refused(found: object) -> None:
    with pytest.raises(Refused) as refused:
        Receipt.from_json({**RECEIPT.to_json(), "schema_version": found})
    assert refused.value.reason is Reason.SPEC_INVALID


@pytest.mark.parametrize("name", ["base", "target", "decision", "seconds"])
def test_a_field_that_is_missing_is_refused(name: str) -> None:
    document = RECEIPT.to_json()
    del document[name]
    with pytest.raises(Refused):
        Receipt.from_json(document)


def test_the_nearest_is_the_candidate_of_the_best_rank_and_never_one_with_a_veto() -> None:
    base, head = RECEIPT.candidates
    assert RECEIPT.nearest() == head.name
    vetoed = replace(head, evidence={**EVIDENCE, "rank": None, "veto": "collapsed"})
    assert replace(RECEIPT, candidates=(base, vetoed)).nearest() == "base"


@pytest.mark.parametrize("kind", [Receipt, Data, Candidate, Rung, Sets, Gains])
def test_the_page_explains_every_field(kind: Any) -> None:
    page = PAGE.read_text()
    missing = [field.name for field in fields(kind) if f"`{field.name}`" not in page]
    assert not missing, f"docs/receipts.md does not explain {missing} of {kind.__name__}"
