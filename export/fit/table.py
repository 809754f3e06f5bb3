"""What became of every candidate, and which of them nobody beats: the front of accuracy, bytes and latency."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from export.fit.cost import Cost
from export.fit.profile import Profile

HEAD = ("net", "flash kB", "RAM kB", "M instructions", "ms", "steps", "accuracy", "int8", "front", "what became of it")


@dataclass(frozen=True)
class Row:
    """One candidate.

    Args:
        name: of it.
        cost: on the profile's core; measured, if it was quantized where the tools are.
        fate: what became of it.
        steps: it learned for.
        accuracy: in float on the held-out windows after these steps; None if it was not tried.
        int8_accuracy: of its int8 graph there; None if it was not quantized.
        fits: whether it keeps to the profile.
    """

    name: str
    cost: Cost
    fate: str
    steps: int = 0
    accuracy: float | None = None
    int8_accuracy: float | None = None
    fits: bool = True

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def on_front(rows: Sequence[Row]) -> list[bool]:
    """Which tried nets nobody beats: none is as accurate with no more bytes and instructions, and better in one."""
    return [_judged(one) is not None and not any(_beats(other, one) for other in rows) for one in rows]


def table(rows: Sequence[Row], profile: Profile) -> str:
    """A Markdown table, the most accurate first, then what was not tried from the largest to the smallest."""
    marks = dict(zip(map(id, rows), on_front(rows), strict=True))
    lines = [HEAD, tuple("-" if index in (0, 8, 9) else "-:" for index in range(len(HEAD)))]
    lines += [_cells(one, profile, marks[id(one)]) for one in sorted(rows, key=_order)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(one: Row, profile: Profile, front: bool) -> tuple[str, ...]:
    cost = one.cost
    return (
        one.name,
        f"{cost.flash_bytes / 1000:.1f}",
        f"{cost.ram_bytes / 1000:.1f}",
        f"{cost.instructions / 1e6:.2f}",
        f"{1000 * cost.instructions / profile.instructions_per_s:.1f}",
        str(one.steps or ""),
        "" if one.accuracy is None else f"{one.accuracy:.4f}",
        "" if one.int8_accuracy is None else f"{one.int8_accuracy:.4f}",
        "×" if front else "",
        one.fate,
    )


def _order(one: Row) -> tuple[float, float]:
    judged = _judged(one)
    return (1.0 if judged is None else -judged, -one.cost.flash_bytes)


def _judged(one: Row) -> float | None:
    return one.accuracy if one.int8_accuracy is None else one.int8_accuracy


def _beats(one: Row, other: Row) -> bool:
    mine, theirs = _judged(one), _judged(other)
    if mine is None or theirs is None:
        return False
    ours = (-mine, one.cost.flash_bytes, one.cost.instructions)
    others = (-theirs, other.cost.flash_bytes, other.cost.instructions)
    return ours != others and all(a <= b for a, b in zip(ours, others, strict=True))
