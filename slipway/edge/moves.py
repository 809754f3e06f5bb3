"""How a device's state changes: every move is a pure function from one state to the next.

    nothing ──installed──▶ current ──installed──▶ current, previous ──rolled_back──▶ current
                              └──staged──▶ candidate ──installed──▶ current

What a move files as a report waits in the state until ``delivered`` or ``heard``.
"""

from dataclasses import replace

from slipway.edge.report import Health, Sums, comparison
from slipway.edge.state import Candidate, Installed, Report, State, needed, on_trial, runnable
from slipway.errors import Reason, Refused

REFUSED_LIMIT = 64
REPORT_LIMIT = 64
STARTS_LIMIT = 8


def installed(state: State, version: Installed, base: str = "") -> State:
    """``version`` becomes current, what was current becomes previous.

    Args:
        base: SHA-256 of the bundle that it is a change of, if any; going back to one that is here changes nothing.
    """
    if state.current is not None and state.current.sha256 == version.sha256:
        return replace(state, current=version)
    report = Report(version.version, "INSTALLED")
    candidate = state.candidate
    if candidate is not None and candidate.version.sha256 == version.sha256:
        base, candidate = candidate.base or state.base, None
    elif version.sha256 in needed(state):
        base = state.base
    starts = {**state.starts, version.sha256: 0} if on_trial(state, version.sha256) else state.starts
    after = replace(
        state, current=version, previous=state.current, base=base, candidate=candidate, starts=_newest(starts)
    )
    return _reporting(after, report)


def refused(state: State, version: Installed, refusal: Refused, *, forever: bool) -> State:
    """``version`` does not come in; ``forever`` where its bytes are to blame and not the way they came."""
    report = Report(version.version, "REFUSED", refusal.reason, str(refusal))
    if not forever:
        return _reporting(state, report)
    return _reporting(_never_again(state, version.sha256, str(refusal)), report)


def delta_refused(state: State, version: Installed, problem: str) -> State:
    """No delta is tried for ``version`` any more, however it is offered."""
    hashes = {**state.deltas_refused, version.sha256: problem}
    return replace(state, deltas_refused=dict(list(hashes.items())[-REFUSED_LIMIT:]))


def rolled_back(state: State, refusal: Refused, *, forever: bool = False) -> State:
    """Current is no good any more: previous takes its place, or nothing does.

    Args:
        forever: its bytes are to blame; they are refused from now on.
    """
    assert state.current is not None
    bad = state.current
    report = Report(bad.version, "ROLLED_BACK", refusal.reason, str(refusal))
    if forever:
        return _reporting(_never_again(state, bad.sha256, str(refusal)), report)
    return _reporting(replace(state, current=state.previous, previous=None), report)


def staged(state: State, candidate: Candidate | None) -> State:
    """``candidate`` runs beside current from now on; None empties the slot."""
    return replace(state, candidate=candidate)


def started(state: State, sha256: str) -> State:
    """A bundle is about to be loaded: counted while it is on trial, and taken back where it ends well."""
    if not on_trial(state, sha256):
        return state
    count = state.starts.get(sha256, 0) + 1
    others = {key: value for key, value in state.starts.items() if key != sha256}
    return replace(state, starts=_newest({**others, sha256: count}))


def ended(state: State, sha256: str) -> State:
    """What was started with this bundle has ended well."""
    if state.starts.get(sha256, 0) == 0:
        return state
    return replace(state, starts={**state.starts, sha256: state.starts[sha256] - 1})


def passed(state: State) -> State:
    """Current has stood its trial."""
    sha256 = state.current.sha256 if state.current else ""
    return replace(state, starts={key: count for key, count in state.starts.items() if key != sha256})


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


def filed(state: State, version: str, rollout: str, sums: Sums, drift: float | None, now_s: float = 0.0) -> State:
    """``sums`` over windows that ``version`` answered become the next report on health.

    Its number is the millisecond at which it is written, or one more than the last. A server hears no number twice and
    none that is lower: a device that lost its state, or got one from a backup, is heard all the same.
    """
    health = Health(max(state.sequence + 1, int(now_s * 1000)), version, sums.windows, drift, comparison(rollout, sums))
    candidate = state.candidate
    if candidate is not None and candidate.rollout == rollout:
        candidate = replace(candidate, sums=candidate.sums + sums)
    healths = (*state.healths, health)[-REPORT_LIMIT:]
    return replace(state, sequence=health.sequence, healths=healths, candidate=candidate, drift=drift)


def heard(state: State, sequence: int) -> State:
    """The server has the report on health of that number."""
    return replace(state, healths=tuple(health for health in state.healths if health.sequence != sequence))


def forgiven(state: State) -> State:
    """Everything that was refused may be tried again."""
    candidate = None if state.candidate is None or state.candidate.refused else state.candidate
    starts = {key: count for key, count in state.starts.items() if key in runnable(state)}
    return replace(state, refused={}, deltas_refused={}, starts=starts, candidate=candidate)


def _never_again(state: State, sha256: str, problem: str) -> State:
    """The hash is refused, and no slot holds it."""
    hashes = {**state.refused, sha256: problem}
    current, previous = (None if slot and slot.sha256 == sha256 else slot for slot in (state.current, state.previous))
    if current is None:
        current, previous = previous, None
    candidate = state.candidate
    if candidate is not None and candidate.version.sha256 == sha256:
        candidate = replace(candidate, refused=True)
    return replace(
        state,
        current=current,
        previous=previous,
        candidate=candidate,
        refused=dict(list(hashes.items())[-REFUSED_LIMIT:]),
        starts={key: count for key, count in state.starts.items() if key != sha256},
    )


def _newest(starts: dict[str, int]) -> dict[str, int]:
    return dict(list(starts.items())[-STARTS_LIMIT:])


def _reporting(state: State, report: Report) -> State:
    others = tuple(r for r in state.reports if r != report)
    return replace(state, reports=(*others, report)[-REPORT_LIMIT:])
