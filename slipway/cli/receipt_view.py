"""A receipt in words and tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from slipway.cli import show
from slipway.names import short


def describe(receipt: Mapping[str, Any]) -> None:
    """Print what a receipt says that people ask first; all of it is in the JSON."""
    decision, target = receipt["decision"], receipt["target"]
    out = show.console()
    shipped, base = receipt["shipped"], receipt["shipped"] == "base"
    mark = "[yellow]base kept[/yellow]" if base else f"[green]{shipped}[/green]"
    out.print(f"\n[bold]gate[/bold]  {mark}  {decision['reason']}")
    if not base and shipped != decision["chosen"]:
        out.print(f"[dim]The job asked for it whatever the gate says; the gate chose {decision['chosen']}.[/dim]")
    for line in filter(None, (receipt["explanation"], *receipt["diagnosis"], *receipt["remarks"])):
        out.print(f"· {line}")
    source = receipt["source"]
    change = "" if base else f"{show.size_words(receipt['int8_bytes'])} on the device"
    pairs = [
        (
            "target",
            f"{short(target['name'])}, {target['window_count']:,} windows, {target['labelled_count']:,} labelled",
        ),
        ("source", f"{source['name']}, {source['window_count']:,} windows" if source else "not looked at"),
        ("change", change),
        ("gains", _gains(receipt["gains"])),
        ("sets", _sets(receipt["sets"])),
        ("seconds", f"{receipt['seconds']:.1f}"),
    ]
    show.facts("", pairs)
    out.print()
    _candidates(receipt["candidates"], shipped)


def _candidates(candidates: Sequence[Mapping[str, Any]], shipped: str) -> None:
    validators = list(dict.fromkeys(name for row in candidates for name in row["evidence"].get("scores", {})))
    labelled = any(row["evidence"].get("labelled_accuracy") is not None for row in candidates)
    quantities = "squared_error" in validators  # of a regression: no answer is right or wrong
    measured, told = ("R²>", _number) if quantities else ("labels right>", _share)
    columns = ["candidate", *(f"{name}>" for name in validators), *([measured] if labelled else [])]
    columns += [] if quantities else ["changed>"]
    rows = (
        (
            f"[bold]{row['name']}[/bold]" if row["name"] == shipped else row["name"],
            *(_number(row["evidence"].get("scores", {}).get(name)) for name in validators),
            *([told(row["evidence"].get("labelled_accuracy"))] if labelled else []),
            *([] if quantities else [_share(row["evidence"].get("changed"))]),
            show.size_words(row["int8_bytes"]) if row["scope"] else "",
            f"{row['seconds']:.1f}" if row["scope"] else "",
            row["evidence"].get("veto", ""),
        )
        for row in candidates
    )
    show.table((*columns, "int8 size>", "seconds>", "veto"), rows, "Nothing was tried.")


def _gains(gains: Mapping[str, Any] | None) -> str:
    if gains is None:
        return ""
    named = (f"{name} {100 * gains[name]:+.1f}" for name in ("jumpstart", "slope", "asymptote"))
    return ", ".join(named) + " points"


def _sets(sets: Mapping[str, Any] | None) -> str:
    if sets is None:
        return ""
    realised = sets["realised_coverage"]
    words = "" if realised is None else f", {realised:.1%} on labels kept apart"
    return f"{sets['coverage']:.1%} asked for{words}; {sets['mean_size']:.2f} classes on average"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
