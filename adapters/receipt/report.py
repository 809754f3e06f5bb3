"""A receipt for people: one HTML page with its pictures inside, no script, nothing loaded from elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from adapters.gate.decision import BASE
from adapters.receipt import pictures
from adapters.receipt.pictures import Seen
from adapters.receipt.receipt import Candidate, Receipt
from nets.inference import outputs, softmax
from nets.model import Model
from slipway.windows import Answers, Values


@dataclass(frozen=True)
class Pools:
    """The windows that the pictures show.

    Args:
        target: (count, time, channels), what the device measured.
        labels: (count,), -1 where nobody said; None when nobody said anything.
        source: (count, time, channels), what the base learned from; None when it may not be looked at.
    """

    target: Values
    labels: Answers | None
    source: Values | None


def report(receipt: Receipt, base: Model, model: Model, pools: Pools, *, shown: str) -> str:
    """A page that says what was decided, why, and what the change does to the device's windows.

    Args:
        receipt: what to tell.
        base: the model before.
        model: the model to compare with: what was shipped, or what came nearest.
        pools: windows.
        shown: the candidate that ``model`` is.
    """
    seen = _seen(base, model, pools)
    drawn = {"space": pictures.feature_space(seen, shown)}
    if seen.classes:
        drawn |= {"answers": pictures.answers(seen), "confidence": pictures.confidence(seen)}
    if seen.said.any():
        drawn["right"] = pictures.right_by_class(seen)
    page = Environment(loader=PackageLoader("adapters.receipt", "."), autoescape=True, undefined=StrictUndefined)
    return page.get_template("report.html.j2").render(
        receipt=receipt,
        shown=shown,
        kept=receipt.shipped == BASE,
        facts=_facts(receipt, seen),
        votes=_votes(receipt, _share if seen.classes else _number),
        measured="labels right" if seen.classes else "R²",
        quantities=not seen.classes,
        validators=_validators(receipt),
        pictures=drawn,
        labelled=bool(seen.said.any()),
    )


def _seen(base: Model, model: Model, pools: Pools) -> Seen:
    before, after = (outputs(each.layers, each.arrays, pools.target) for each in (base, model))
    home = None if pools.source is None else outputs(base.layers, base.arrays, pools.source)
    chances = softmax if base.task.classes else (lambda scores: scores)
    return Seen(
        classes=base.task.classes,
        before_features=before[0],
        before=chances(before[1]),
        after_features=after[0],
        after=chances(after[1]),
        home_features=None if home is None else home[0],
        home=None if home is None else chances(home[1]),
        labels=pools.labels if base.task.classes else None,
    )


def _facts(receipt: Receipt, seen: Seen) -> list[tuple[str, str]]:
    """The few numbers an operator looks for first: (value, what it is)."""
    found = [(f"{receipt.target.window_count:,}", f"windows, {receipt.target.labelled_count:,} of them labelled")]
    if seen.classes:
        changed = float((seen.before.argmax(1) != seen.after.argmax(1)).mean())
        found.append((f"{changed:.0%}", "of the answers change"))
        found.append((f"{seen.before.max(1).mean():.2f} → {seen.after.max(1).mean():.2f}", "mean confidence"))
    accuracies = {rung.name: rung.labelled_accuracy for rung in receipt.ladder}
    before, after = accuracies.get(BASE), accuracies.get(receipt.shipped)
    if before is not None and after is not None:
        words = "right, on labels kept apart" if seen.classes else "R², on answers kept apart"
        told = _share if seen.classes else _number
        found.append((f"{told(before)} → {told(after)}", words))
    if receipt.shipped != BASE:
        found.append((_size(receipt.int8_bytes), "travel to the device"))
    found.append((f"{receipt.seconds:.1f} s", "of work"))
    return found


def _validators(receipt: Receipt) -> list[str]:
    names: dict[str, None] = {}
    for each in receipt.candidates:
        names |= dict.fromkeys(each.evidence.get("scores", {}))
    return list(names)


def _votes(receipt: Receipt, told: Callable[[float | None], str]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "cells": [_vote(each, name) for name in _validators(receipt)],
            "rank": _number(each.evidence.get("rank")),
            "accuracy": told(each.evidence.get("labelled_accuracy")),
            "changed": _share(each.evidence.get("changed")),
            "bytes": _size(each.int8_bytes) if each.scope else "",
            "veto": each.evidence.get("veto", ""),
            "shipped": each.name == receipt.shipped,
        }
        for each in receipt.candidates
    ]


def _vote(candidate: Candidate, validator: str) -> dict[str, str]:
    """A score, and whether it speaks for or against the candidate with any certainty."""
    score = candidate.evidence.get("scores", {}).get(validator)
    beats = candidate.evidence.get("beats", {}).get(validator)
    mark = "" if beats is None or not candidate.scope else "good" if beats >= 0.95 else "bad" if beats <= 0.05 else ""
    return {"text": _number(score), "mark": mark}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _size(size_bytes: int) -> str:
    return f"{size_bytes:,} B" if size_bytes < 10_000 else f"{size_bytes / 1000:,.0f} kB"
