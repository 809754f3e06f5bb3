"""What a device remembers between two starts: a value, its moves as pure functions, and its JSON form.

    nothing ──installed──▶ current ──installed──▶ current, previous ──rolled_back──▶ current

The serial of a channel only rises, whatever happens. Hashes of refused bundles are kept, so that the same bytes are not
fetched again, and of bundles that no delta led to, so that none is tried again. Reports wait here until the server has
them.
"""

import json
import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from slipway.errors import Reason, Refused

FORMAT = 1
REFUSED_LIMIT = 64
REPORT_LIMIT = 64
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Installed:
    """A version on this device: its name, the hash of its bundle, the move of the channel that brought it."""

    version: str
    sha256: str
    serial: int
    delta_bytes: int = 0  # length of the delta it was made from; 0 where the whole bundle came


@dataclass(frozen=True)
class Report:
    """What the server shall know; ``state`` is "INSTALLED", "REFUSED" or "ROLLED_BACK"."""

    version: str
    state: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class State:
    """All that ``state.json`` holds."""

    device_id: str
    current: Installed | None = None
    previous: Installed | None = None
    serials: dict[str, int] = field(default_factory=dict)  # highest move seen, by channel name
    refused: dict[str, str] = field(default_factory=dict)  # why, by SHA-256; oldest first
    reports: tuple[Report, ...] = ()  # not delivered yet; oldest first
    base: str = ""  # SHA-256 of the bundle that current is a change of: the next change may start there too
    deltas_refused: dict[str, str] = field(default_factory=dict)  # why no delta leads to it, by SHA-256; oldest first


def installed(state: State, version: Installed, base: str = "") -> State:
    """``version`` becomes current, what was current becomes previous.

    Args:
        base: SHA-256 of the bundle that it is a change of, if any; going back to one that is here changes nothing.
    """
    if state.current is not None and state.current.sha256 == version.sha256:
        return replace(state, current=version)
    report = Report(version.version, "INSTALLED")
    base = state.base if version.sha256 in needed(state) else base
    return _reporting(replace(state, current=version, previous=state.current, base=base), report)


def refused(state: State, version: Installed, refusal: Refused, *, forever: bool) -> State:
    """``version`` does not come in; ``forever`` where its bytes are to blame and not the way they came."""
    report = Report(version.version, "REFUSED", refusal.reason, str(refusal))
    if not forever:
        return _reporting(state, report)
    hashes = {**state.refused, version.sha256: str(refusal)}
    return _reporting(replace(state, refused=dict(list(hashes.items())[-REFUSED_LIMIT:])), report)


def delta_refused(state: State, version: Installed, problem: str) -> State:
    """No delta is tried for ``version`` any more, however it is offered."""
    hashes = {**state.deltas_refused, version.sha256: problem}
    return replace(state, deltas_refused=dict(list(hashes.items())[-REFUSED_LIMIT:]))


def rolled_back(state: State, refusal: Refused) -> State:
    """Current is no good any more: previous takes its place, or nothing does."""
    assert state.current is not None
    report = Report(state.current.version, "ROLLED_BACK", refusal.reason, str(refusal))
    return _reporting(replace(state, current=state.previous, previous=None), report)


def seen(state: State, channel: str, serial: int) -> State:
    """Remember the move of a channel.

    Raises:
        Refused: SERIAL_BACKWARDS.
    """
    known = state.serials.get(channel, 0)
    if serial < known:
        raise Refused(Reason.SERIAL_BACKWARDS, field="serial", found=serial, expected=known)
    return replace(state, serials={**state.serials, channel: serial})


def delivered(state: State, report: Report) -> State:
    """The server has ``report``."""
    return replace(state, reports=tuple(r for r in state.reports if r != report))


def needed(state: State) -> tuple[str, ...]:
    """SHA-256 of every bundle to keep: current, previous, and the base that the next change may start from."""
    installed = [version.sha256 for version in (state.current, state.previous) if version]
    return tuple(dict.fromkeys([*installed, *filter(None, [state.base])]))


def remembered(state: State, version: Installed) -> Installed:
    """``version`` with the way its bundle came, where it is here already."""
    for known in (state.current, state.previous):
        if known is not None and known.sha256 == version.sha256:
            return replace(version, delta_bytes=known.delta_bytes)
    return version


def _reporting(state: State, report: Report) -> State:
    others = tuple(r for r in state.reports if r != report)
    return replace(state, reports=(*others, report)[-REPORT_LIMIT:])


def to_bytes(state: State) -> bytes:
    """The JSON form; ``from_bytes`` is its inverse."""
    return json.dumps({"format": FORMAT, **asdict(state)}, indent=1).encode() + b"\n"


def from_bytes(data: bytes, name: str = "state.json") -> State:
    """Read what ``to_bytes`` wrote.

    Raises:
        Refused: EDGE_STATE_DAMAGED.
    """
    try:
        fields = json.loads(data)
        if fields.pop("format") != FORMAT:
            raise ValueError(f"format is not {FORMAT}")
        reports = tuple(Report(**row) for row in fields.pop("reports"))
        current, previous = (_installed(fields.pop(key)) for key in ("current", "previous"))
        state = State(**fields, current=current, previous=previous, reports=reports)
        if state.base and HASH.fullmatch(state.base) is None:
            raise ValueError("a hash is not one")
        return state
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused(Reason.EDGE_STATE_DAMAGED, field="state", found=name, problem=error) from error


def _installed(fields: dict[str, Any] | None) -> Installed | None:
    if fields is None:
        return None
    version = Installed(**fields)
    if HASH.fullmatch(version.sha256) is None:
        raise ValueError("a hash is not one")
    return version
