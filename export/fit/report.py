"""A search for people: one HTML page with its picture inside, no script, nothing loaded from elsewhere."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from export.fit.cost import Cost
from export.fit.front import plot
from export.fit.profile import Profile
from export.fit.search import Fitted
from export.fit.table import Row, on_front


@dataclass(frozen=True)
class Told:
    """What the page says beside the search itself.

    Args:
        title: of the page.
        base: name of the teacher.
        base_cost: of the teacher's int8 graph on the profile's core; None where it cannot be written as C.
        learning_count: windows that the nets learned from.
        judging_count: windows held out.
        labelled: whether labels decided; else agreement with the teacher did.
        seconds: the search took.
        origin: (what, name, SHA-256 or "") of all that went into it.
    """

    title: str
    base: str
    base_cost: Cost | None
    learning_count: int
    judging_count: int
    labelled: bool
    seconds: float
    origin: Sequence[tuple[str, str, str]]


def report(found: Fitted, told: Told) -> str:
    """A page that says which net was chosen, what it takes of the device, and what became of all others.

    Args:
        found: what the search returned.
        told: what else there is to say.
    """
    (chosen,) = (row for row in found.rows if row.fate == "chosen")
    share = _share if found.model.task.classes else _number
    page = Environment(loader=PackageLoader("export.fit", "."), autoescape=True, undefined=StrictUndefined)
    return page.get_template("report.html.j2").render(
        told=told,
        found=found,
        chosen=chosen.name,
        judged=_judge(found, told),
        accuracies=(share(found.base_accuracy), share(found.accuracy)),
        counts=_counts(found.rows),
        limits=_limits(found, told.base_cost),
        rows=_rows(found, share),
        picture=f"data:image/png;base64,{base64.b64encode(plot(found.rows, found.profile)).decode()}",
        seconds=f"{told.seconds:,.0f} s",
    )


def _judge(found: Fitted, told: Told) -> str:
    """What the accuracies are shares of."""
    if not found.model.task.classes:
        return "mean R² of the answers" if told.labelled else "mean R² against the base's own answers"
    return "answered right" if told.labelled else "answered as the base does"


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    return {
        "considered": len(rows),
        "too_large": sum(row.accuracy is None and not row.fits for row in rows),
        "learned": sum(row.accuracy is not None for row in rows),
        "quantized": sum(row.int8_accuracy is not None for row in rows),
    }


def _limits(found: Fitted, base: Cost | None) -> list[dict[str, Any]]:
    """What the device has, what the net takes of it, and what the base would."""
    profile = found.profile
    kinds: list[tuple[str, Callable[[Cost], float], float | None, Callable[[float], str]]] = [
        ("flash", lambda cost: cost.flash_bytes, profile.flash_bytes, _kilobytes),
        ("memory", lambda cost: cost.ram_bytes, profile.ram_bytes, _kilobytes),
        ("an inference", lambda cost: _seconds(cost, profile), profile.latency_s, _milliseconds),
    ]
    return [
        {
            "name": name,
            "limit": "any" if limit is None else words(limit),
            "taken": words(of(found.cost)),
            "share": None if limit is None else 100 * of(found.cost) / limit,
            "base": "" if base is None else words(of(base)),
            "base_fits": base is None or limit is None or of(base) <= limit,
        }
        for name, of, limit, words in kinds
    ]


def _rows(found: Fitted, share: Callable[[float], str]) -> list[dict[str, Any]]:
    """Every net as text, the most accurate first, then what was not tried from the largest to the smallest."""
    marked = zip(found.rows, on_front(found.rows), strict=True)
    return [
        {
            "cells": (
                row.name,
                _kilobytes(row.cost.flash_bytes),
                _kilobytes(row.cost.ram_bytes),
                f"{row.cost.instructions / 1e6:.2f} M",
                _milliseconds(_seconds(row.cost, found.profile)),
                str(row.steps or ""),
                "" if row.accuracy is None else share(row.accuracy),
                "" if row.int8_accuracy is None else share(row.int8_accuracy),
            ),
            "front": front,
            "fate": row.fate,
            "chosen": row.fate == "chosen",
        }
        for row, front in sorted(marked, key=lambda pair: _order(pair[0]))
    ]


def _order(row: Row) -> tuple[float, int]:
    judged = row.accuracy if row.int8_accuracy is None else row.int8_accuracy
    return (float("inf") if judged is None else -judged, -row.cost.flash_bytes)


def _seconds(cost: Cost, profile: Profile) -> float:
    return cost.instructions / profile.instructions_per_s


def _kilobytes(size_bytes: float) -> str:
    return f"{size_bytes / 1000:,.1f} kB"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.3g} ms"


def _share(value: float) -> str:
    return f"{value:.1%}"


def _number(value: float) -> str:
    return f"{value:.3f}"
