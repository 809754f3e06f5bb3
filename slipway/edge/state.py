"""What a device remembers between two starts: values, and what can be told from them. ``moves`` changes them.

The serial of a channel only rises, whatever happens. Hashes of refused bundles are kept, so that the same bytes are not
fetched again, and of bundles that no delta led to, so that none is tried again; what is refused is never current. A
version is on trial from its first loading until it has passed; meanwhile ``starts`` counts the starts that did not end
well. Reports wait here until the server has them.
"""

import re
from dataclasses import dataclass, field, replace

from slipway.edge.report import Health, Sums

START_LIMIT = 3  # starts on trial that did not end well
NOTHING = Sums()
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Installed:
    """A version on this device: its name, the hash of its bundle, the move of the channel that brought it."""

    version: str
    sha256: str
    serial: int
    delta_bytes: int = 0  # length of the delta it was made from; 0 where the whole bundle came
    since_s: float = 0.0  # when it became current: seconds since 1970 by the device's clock; 0 unknown


@dataclass(frozen=True)
class Candidate:
    """A version that a rollout asks to run beside current."""

    rollout: str
    version: Installed
    base: str = ""  # SHA-256 of the bundle that it is a change of
    refused: bool = False  # it failed a check here, and the server knows
    sums: Sums = NOTHING  # how it did beside current so far


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
    candidate: Candidate | None = None
    starts: dict[str, int] = field(default_factory=dict)  # that did not end well, of what is on trial, by SHA-256
    sequence: int = 0  # of the newest report on health
    healths: tuple[Health, ...] = ()  # not delivered yet; oldest first
    drift: float | None = None  # as last reported


def on_trial(state: State, sha256: str) -> bool:
    """Whether the bundle has yet to show here that it works."""
    return sha256 in state.starts or sha256 not in runnable(state)


def needed(state: State) -> tuple[str, ...]:
    """SHA-256 of every bundle to keep: current, previous, candidate, and the base the next change may start from."""
    candidate = state.candidate
    beside = candidate.version.sha256 if candidate and not candidate.refused else ""
    return tuple(dict.fromkeys(filter(None, [*runnable(state), beside, state.base])))


def remembered(state: State, version: Installed) -> Installed:
    """``version`` with the way its bundle came, where it is here already."""
    beside = state.candidate.version if state.candidate else None
    for known in (state.current, state.previous, beside):
        if known is not None and known.sha256 == version.sha256:
            since_s = known.since_s if known == state.current else 0.0
            return replace(version, delta_bytes=known.delta_bytes, since_s=since_s)
    return version


def runnable(state: State) -> list[str]:
    """SHA-256 of what may answer: current, and previous to go back to."""
    return [version.sha256 for version in (state.current, state.previous) if version]
