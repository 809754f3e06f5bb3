"""The JSON form of a device's state. What earlier agents wrote is read too, and never written again."""

import json
from dataclasses import asdict
from typing import Any

from slipway.edge.report import Comparison, Health, Sums
from slipway.edge.state import HASH, Candidate, Installed, Report, State
from slipway.errors import Reason, Refused

FORMAT = 2
READABLE = (1, FORMAT)  # 1: no candidate, no trial, no reports on health


def to_bytes(state: State) -> bytes:
    """The JSON form; ``from_bytes`` is its inverse."""
    return json.dumps({"format": FORMAT, **asdict(state)}, indent=1).encode() + b"\n"


def from_bytes(data: bytes, name: str = "state.json") -> State:
    """Read what ``to_bytes`` wrote, now or in an earlier release.

    Raises:
        Refused: EDGE_STATE_DAMAGED.
    """
    try:
        fields = json.loads(data)
        if fields.pop("format") not in READABLE:
            raise ValueError(f"format is not {FORMAT}")
        reports = tuple(Report(**row) for row in fields.pop("reports"))
        healths = tuple(_health(row) for row in fields.pop("healths", ()))
        current, previous = (_installed(fields.pop(key)) for key in ("current", "previous"))
        candidate = _candidate(fields.pop("candidate", None))
        state = State(
            **fields, current=current, previous=previous, candidate=candidate, reports=reports, healths=healths
        )
        _check(state)
        return state
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused(Reason.EDGE_STATE_DAMAGED, field="state", found=name, problem=error) from error


def _check(state: State) -> None:
    bases = [state.base, state.candidate.base if state.candidate else ""]
    if not all(HASH.fullmatch(sha256) for sha256 in (*state.starts, *filter(None, bases))):
        raise ValueError("a hash is not one")
    counts = [*state.starts.values(), *state.serials.values(), state.sequence]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("a count is not one")


def _installed(fields: dict[str, Any] | None) -> Installed | None:
    if fields is None:
        return None
    version = Installed(**fields)
    if HASH.fullmatch(version.sha256) is None:
        raise ValueError("a hash is not one")
    return version


def _candidate(fields: dict[str, Any] | None) -> Candidate | None:
    if fields is None:
        return None
    version = _installed(fields.pop("version"))
    if version is None:
        raise ValueError("a candidate without a version")
    return Candidate(version=version, sums=Sums(**fields.pop("sums")), **fields)


def _health(fields: dict[str, Any]) -> Health:
    comparison = fields.pop("comparison")
    return Health(comparison=Comparison(**comparison) if comparison else None, **fields)
