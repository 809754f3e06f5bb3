"""Whatever offers, refusals, crashes and deaths come, and in whatever order: the slots keep their promises."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from slipway.edge import moves
from slipway.edge.install import Installer
from slipway.edge.offer import Beside, Offer
from slipway.edge.report import Sums
from slipway.edge.state import START_LIMIT, Installed, State, on_trial
from slipway.edge.state_file import from_bytes, to_bytes
from slipway.edge.store import Store
from slipway.errors import Reason, Refused
from tests.slipway.edge.bundles import bundle

VERSIONS = [1, 2, 3]
BROKEN = 3  # fails its self-test
BUNDLES = {n: bundle(n, fault=float(n == BROKEN)) for n in VERSIONS}


class Dead(BaseException):
    """The device lost its power."""


class Line:
    """A server in this process: what the channel points at, and what runs beside."""

    def __init__(self) -> None:
        self.current, self.serial, self.candidate = 1, 1, 0
        self.hashes = {}
        for n, data in BUNDLES.items():
            self.hashes[n] = hashlib.sha256(data).hexdigest()
        self.sequences: list[int] = []

    def offer(self, model: str, channel: str, held: Sequence[str] = (), *, device_id: str = "") -> Offer:
        beside = Beside(f"{model}/rollouts/{self.candidate}", self._of(self.candidate)) if self.candidate else None
        found = self._of(self.current)
        return Offer(found.version, found.size_bytes, None, beside)

    def pieces(self, sha256: str, offset: int) -> Iterator[tuple[int, bytes]]:
        data = next(BUNDLES[n] for n, found in self.hashes.items() if found == sha256)
        yield offset, data[offset:]

    def report(self, device_id: str, report: object) -> None:
        pass

    def report_health(self, device_id: str, health: Any) -> None:
        self.sequences.append(health.sequence)

    def _of(self, n: int) -> Offer:
        return Offer(Installed(f"models/rover/versions/{n}", self.hashes[n], self.serial), len(BUNDLES[n]))


class DyingStore(Store):
    """Loses power before the n-th write of the state."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.left = 0

    def write(self, state: State) -> None:
        self.left -= 1
        if self.left == 0:
            raise Dead
        super().write(state)


class Device(RuleBasedStateMachine):
    """One device and its server, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.line = Line()
        self.store = DyingStore(self.folder)
        self.lock = self.store.locked()
        self.lock.__enter__()
        self.serial = 0
        self.ran = False
        self.device = self._installer()

    def teardown(self) -> None:
        self.lock.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    def _installer(self) -> Installer:
        device = Installer(self.store, self.line, model="models/rover", channel="stable", tell=lambda *_, **__: None)
        device.rehearse = lambda candidate: None
        return device

    @rule(n=st.sampled_from(VERSIONS), moved=st.booleans())
    def the_channel_points_at(self, n: int, moved: bool) -> None:
        self.line.current, self.line.serial = n, self.line.serial + moved
        self.it_updates(0)

    @rule(n=st.sampled_from([0, *VERSIONS]), good=st.booleans())
    def a_rollout_asks_for(self, n: int, good: bool) -> None:
        self.line.candidate = n
        self.it_updates(0)
        candidate = self.device.state.candidate
        if candidate is not None and not good:
            refusal = Refused(Reason.SELF_TEST_FAILED, field="rover", found=1, limit=0)
            self.device.slots.refuse_candidate(candidate, refusal)

    @rule(death=st.integers(0, 8))
    def it_updates(self, death: int) -> None:
        self.store.left = death
        try:
            self.device.update()
        except Refused as refusal:
            assert refusal.reason in (Reason.SELF_TEST_FAILED, Reason.VERSION_REFUSED_BEFORE, Reason.BOOT_LOOP)
        except Dead:
            self.it_starts(0)
        finally:
            self.store.left = 0

    @rule(death=st.integers(0, 3))
    def it_starts(self, death: int) -> None:
        self.device = self._installer()
        self.store.left = death
        try:
            self.device.start()
        except Dead:
            self.store.left = 0
            self.device = self._installer()
            self.device.start()
        finally:
            self.store.left = 0

    @rule()
    def it_ends_well(self) -> None:
        self.device.end()
        self.it_starts(0)

    @precondition(lambda self: self.device.live is not None)
    @rule()
    def its_trial_is_over(self) -> None:
        assert self.device.live is not None
        self.device.slots.passed(self.device.live)

    @precondition(lambda self: self.device.live is not None)
    @rule()
    def it_fails_in_the_field(self) -> None:
        live = self.device.live
        assert live is not None
        refusal = Refused(Reason.HEALTH_GATE, field="version", name=live.version.version, problem="it crashes")
        had = self.device.state.previous
        assert self.device.slots.roll_back(live, refusal) == (had is not None)

    @rule()
    def it_reports(self) -> None:
        self.device.notebook.move(moves.filed, "models/rover/versions/1", "", Sums(windows=1), None)
        self.device.report()

    @invariant()
    def promises(self) -> None:
        state = self.device.state
        assert from_bytes(to_bytes(state)) == state == self.store.read()
        slots = [slot for slot in (state.current, state.previous) if slot]
        for slot in slots:
            assert slot.sha256 not in state.refused, "what is refused is in no slot"
            assert self.store.bundle(slot.sha256).exists(), "what is in a slot is on the disk"
        assert len({slot.sha256 for slot in slots}) == len(slots)
        if state.candidate is not None:
            beside = state.candidate.version.sha256
            assert state.candidate.refused == (beside in state.refused)
            assert state.candidate.refused or self.store.bundle(beside).exists()
        serial = state.serials.get("models/rover/channels/stable", 0)
        assert serial >= self.serial, "the serial never falls"
        self.serial = serial
        self.ran = self.ran or state.current is not None
        assert (state.current is not None) == self.ran, "what ran once is never without a successor"
        live = self.device.live
        assert live is None or (state.current is not None and live.version.sha256 == state.current.sha256)
        assert all(0 <= count <= START_LIMIT for sha256, count in state.starts.items() if state.previous)
        assert self.line.sequences == sorted(set(self.line.sequences)), "no report comes twice"


Device.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
TestSlots = Device.TestCase


def test_a_state_of_the_first_release_goes_on_as_what_it_meant() -> None:

    old = {
        "format": 1,
        "device_id": "porch",
        "current": {"version": "models/rover/versions/2", "sha256": "2" * 64, "serial": 5, "delta_bytes": 70},
        "previous": {"version": "models/rover/versions/1", "sha256": "1" * 64, "serial": 4, "delta_bytes": 0},
        "serials": {"models/rover/channels/stable": 5},
        "refused": {"3" * 64: "the self-test differs"},
        "reports": [{"version": "models/rover/versions/2", "state": "INSTALLED", "reason": "", "message": ""}],
        "base": "1" * 64,
        "deltas_refused": {},
    }
    state = from_bytes(json.dumps(old).encode())
    assert state.current is not None and state.current.version == "models/rover/versions/2"
    assert not on_trial(state, "2" * 64), "what ran before there were trials has stood its own"
    assert (state.candidate, state.starts, state.sequence, state.healths) == (None, {}, 0, ())
    assert json.loads(to_bytes(state))["format"] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"starts": {"../../escape": 1}},
        {"starts": {"0" * 64: -1}},
        {"starts": {"0" * 64: True}},
        {"sequence": "7"},
        {"candidate": {"rollout": "r", "version": None, "sums": {}}},
        {"candidate": {"rollout": "r"}},
        {"healths": [{"sequence": 1}]},
    ],
    ids=str,
)
def test_a_state_that_cannot_be_is_refused(change: dict[str, object]) -> None:

    good = json.loads(to_bytes(State("porch")))
    with pytest.raises(Refused) as refusal:
        from_bytes(json.dumps({**good, **change}).encode())
    assert refusal.value.reason is Reason.EDGE_STATE_DAMAGED


def test_a_candidate_that_is_the_way_back_and_is_refused_is_no_way_back() -> None:
    device = Device()
    try:
        for n in (1, 2):
            device.the_channel_points_at(n, True)
        device.a_rollout_asks_for(1, good=False)
        device.promises()
        assert device.device.state.previous is None
    finally:
        device.teardown()
