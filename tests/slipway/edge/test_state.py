"""The moves of a device's state keep their promises in any order."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.edge import moves
from slipway.edge.state import Installed, State, needed
from slipway.edge.state_file import from_bytes, to_bytes
from slipway.errors import Reason, Refused

REFUSAL = Refused(Reason.SELF_TEST_FAILED, field="rover", found=1, limit=0)
versions = st.integers(1, 5).map(lambda n: Installed(f"models/rover/versions/{n}", f"{n:064x}", n))
names = ["installed", "changed", "refused", "delta_refused", "rolled_back", "seen", "delivered"]
steps = st.lists(st.tuples(st.sampled_from(names), versions))


def step(state: State, name: str, version: Installed) -> State:
    """One move, if it is possible."""
    if name == "installed":
        return moves.installed(state, version)
    if name == "changed":
        base = needed(state)[-1:]
        return moves.installed(state, replace(version, delta_bytes=version.serial), *base)
    if name == "delta_refused":
        return moves.delta_refused(state, version, "it is malformed")
    if name == "refused":
        return moves.refused(state, version, REFUSAL, forever=version.serial % 2 == 0)
    if name == "rolled_back":
        return moves.rolled_back(state, REFUSAL) if state.current else state
    if name == "delivered":
        return moves.delivered(state, state.reports[0]) if state.reports else state
    try:
        return moves.seen(state, "stable", version.serial)
    except Refused:
        return state


@given(steps)
def test_any_history_keeps_the_promises_and_survives_json(history: list[tuple[str, Installed]]) -> None:
    state = State("device-1")
    for name, version in history:
        before, state = state, step(state, name, version)
        assert state.serials.get("stable", 0) >= before.serials.get("stable", 0)
        assert state.current is not None or state.previous is None
        assert state.current is None or state.previous is None or state.current.sha256 != state.previous.sha256
        if name in ("installed", "changed") and before.current and before.current.sha256 != version.sha256:
            assert state.previous == before.current
            offered = needed(before)[-1] if name == "changed" else ""
            assert state.base == (before.base if version.sha256 in needed(before) else offered)
        if name == "delta_refused" or (name == "refused" and version.sha256 not in needed(before)):
            assert (state.current, state.previous, state.base) == (before.current, before.previous, before.base)
        installed = {version.sha256 for version in (state.current, state.previous) if version}
        assert installed <= set(needed(state)) <= installed | {state.base}
        assert len(needed(state)) <= 3, "what a device must have room for"
    assert from_bytes(to_bytes(state)) == state


def test_what_is_kept_has_limits() -> None:
    state = State("device-1")
    for n in range(500):
        version = Installed(f"models/rover/versions/{n}", f"{n:064x}", n)
        state = moves.refused(state, version, REFUSAL, forever=True)
        state = moves.delta_refused(state, version, "it is malformed")
    assert len(state.refused) == moves.REFUSED_LIMIT and f"{499:064x}" in state.refused
    assert len(state.deltas_refused) == moves.REFUSED_LIMIT and f"{499:064x}" in state.deltas_refused
    assert len(state.reports) == moves.REPORT_LIMIT
    assert len(to_bytes(state)) < 100_000


good = json.loads(to_bytes(moves.installed(State("device-1"), Installed("models/rover/versions/1", "0" * 64, 1))))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        json.dumps({**good, "format": 3}).encode(),
        json.dumps({**good, "more": 1}).encode(),
        json.dumps({key: value for key, value in good.items() if key != "current"}).encode(),
        json.dumps({**good, "current": {**good["current"], "sha256": "../../escape"}}).encode(),
        json.dumps({**good, "base": "../../escape"}).encode(),
        json.dumps({**good, "base": 7}).encode(),
    ],
)
def test_a_state_that_cannot_be_is_refused(data: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        from_bytes(data)
    assert refusal.value.reason is Reason.EDGE_STATE_DAMAGED


def test_a_state_from_before_there_were_deltas_is_one_without_them() -> None:
    old = {key: value for key, value in good.items() if key not in ("base", "deltas_refused")}
    old["current"] = {key: value for key, value in good["current"].items() if key != "delta_bytes"}
    assert from_bytes(json.dumps(old).encode()) == from_bytes(json.dumps(good).encode())
