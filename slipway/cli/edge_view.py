"""What a device knows, in words for people and as one JSON value. Runs without rich."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipway.edge.state import Candidate, Installed, State

BOLD, DIM, RED, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"
ALARMS = ("fails", "refused")
SPEAKING = ("version", "rollout", "reason", "message")
COUNTED = 1_000_000_000_000  # reports that are numbered by milliseconds have higher numbers


def print_state(folder: Path, as_json: bool) -> None:
    """Print what ``folder`` says.

    Raises:
        Refused: NOTHING_INSTALLED or EDGE_STATE_DAMAGED.
    """
    from slipway.edge import notes as noting
    from slipway.edge.store import Store
    from slipway.errors import Reason, Refused

    store = Store(folder)
    state = store.read()
    if state is None:
        raise Refused(Reason.NOTHING_INSTALLED, field="folder", found=folder)
    notes = noting.read(folder)
    if as_json:
        print(json.dumps(as_values(state, notes, store.in_use())))
    else:
        _print_rows(list(rows(state, notes, store.in_use())), sys.stdout)


def as_values(state: "State", notes: dict[str, Any], in_use: bool) -> dict[str, Any]:
    """All of it, for programs."""
    from slipway.edge.state import on_trial

    current = state.current
    drift = notes.get("drift") if notes else state.drift
    return {
        **asdict(state),
        "in_use": in_use,
        "on_trial": current is not None and on_trial(state, current.sha256),
        "drift": drift,
        "cause": notes.get("cause", ""),
    }


def rows(state: "State", notes: dict[str, Any], in_use: bool) -> Iterator[tuple[str, str]]:
    """All of it, for people: (name, words)."""
    drift = notes.get("drift") if notes else state.drift
    yield "device", state.device_id
    yield "agent", "running" if in_use else "not running"
    yield "current", _installed(state.current) if state.current else "nothing runs"
    if state.current is not None:
        yield "trial", _trial(state, state.current.sha256)
    if drift is not None:
        yield (
            "drift",
            f"{drift:.1f}  {'as at home' if drift < 1 else 'look at it: ' + (notes.get('cause') or 'no cause')}",
        )
    if state.candidate is not None:
        yield from _candidate(state.candidate)
    if state.previous is not None:
        yield "previous", _installed(state.previous)
    if state.base:
        yield "base", f"{state.base[:12]}  kept for the next delta"
    for name, serial in state.serials.items():
        yield "channel", f"{name}, move {serial}"
    yield "to report", _pending(state)
    for sha256, why in state.refused.items():
        yield "refused", f"{sha256[:12]}  {why.partition('. ')[0]}"
    for sha256, why in state.deltas_refused.items():
        yield "no delta", f"{sha256[:12]}  {why.partition('. ')[0]}"


def _installed(version: "Installed") -> str:
    way = f"  by a delta of {version.delta_bytes:,} bytes" if version.delta_bytes else ""
    when = f"  since {datetime.fromtimestamp(version.since_s):%Y-%m-%d %H:%M}" if version.since_s else ""
    return f"{version.version}  {version.sha256[:12]}{when}{way}"


def _trial(state: "State", sha256: str) -> str:
    from slipway.edge.state import START_LIMIT, on_trial

    if not on_trial(state, sha256):
        return "passed"
    starts = state.starts.get(sha256, 0)
    return "on trial" + (f", {starts} of {START_LIMIT} starts did not end well, or run still" if starts else "")


def _candidate(candidate: "Candidate") -> "Iterator[tuple[str, str]]":
    from slipway.edge.report import comparison

    version = candidate.version
    word = "refused here" if candidate.refused else "runs beside, nobody hears it"
    yield "candidate", f"{version.version}  {version.sha256[:12]}  {word}  ({candidate.rollout})"
    found = comparison(candidate.rollout, candidate.sums)
    if found is None:
        return
    yield "", f"{'':<16}{'candidate':>12}{'current':>12}"
    if found.confidence_before:
        yield "", f"{'confidence':<16}{found.confidence:>12.3f}{found.confidence_before:>12.3f}"
    if found.feedback_count:
        told = f"  of {found.feedback_count:,} that somebody told"
        yield "", f"{'right answers':<16}{found.right_count:>12,}{found.right_count_before:>12,}{told}"
    before = found.latency_before_s * 1000
    yield "", f"{'computing':<16}{found.latency_s * 1000:>9.2f} ms{before:>9.2f} ms"
    yield "", f"{'not answered':<16}{found.failure_count:>12,}{'':>12}  of {found.window_count + found.failure_count:,}"


def _pending(state: "State") -> str:
    updates = [f"{report.version} {report.state.lower()}" for report in state.reports]
    healths = [f"{len(state.healths)} on health"] if state.healths else []
    return ", ".join([*updates, *healths]) or f"nothing{_last(state.sequence)}"


def _last(sequence: int) -> str:
    """When the last report on health was written; its number says it, but for those of earlier agents."""
    words = f"; last on health {datetime.fromtimestamp(sequence / 1000):%Y-%m-%d %H:%M}"
    return words if sequence > COUNTED else ""


def _print_rows(rows: list[tuple[str, str]], out: IO[str]) -> None:
    colour = out.isatty() and "NO_COLOR" not in os.environ
    for name, value in rows:
        shown = f"{name:<10}"
        if colour:
            bad = name in ALARMS or value.startswith("look") or "look at it" in value
            shown, value = f"{DIM}{shown}{PLAIN}", f"{RED}{value}{PLAIN}" if bad else value
            value = f"{BOLD}{value}{PLAIN}" if name == "current" else value
        print(f"{shown} {value}", file=out)


def _word(name: str, value: Any) -> str:
    """A value that says by itself what it is, or with its name."""
    if name == "sha256":
        return str(value)[:12]
    return str(value) if name in SPEAKING else f"{name} {value}"


def teller(as_json: bool) -> Callable[..., None]:
    """Writes events to stderr: a JSON object a line, or words."""

    def tell(event: str, **values: Any) -> None:
        if as_json:
            line = json.dumps({"event": event, **values}, ensure_ascii=False)
        else:
            told = (_word(name, value) for name, value in values.items() if value not in ("", None))
            line = f"{event.replace('_', ' ')}: " + "  ".join(told)
        os.write(2, (line + "\n").encode())  # whole lines, also from two threads

    return tell
