"""The whole fleet, with everything real: TLS, tokens, signed versions, agents, a gateway, rollouts, revocation.

The tests are one story and stand in its order: each goes on where the one before it ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from service.catalogue import rollout_moves
from service.catalogue.requests import RequestKey
from service.clock import now_us
from slipway.client.rollouts import plan
from slipway.errors import Reason
from slipway.identity import people
from slipway.transport import ServerRefused
from tests.service.process import wait_for
from tests.service.trust.yard import version
from tests.service.whole_fleet import GOOD, WEAK, Behind, Fleet, Rover, name_with

SHARE = 0.5
STAGES = (SHARE, 1.0)
QUICK = plan(STAGES, error=0.5, exceptions=0.5, slower=3.0, report_count=1, device_count=2)
CAREFUL = plan(STAGES, error=0.1, exceptions=0.3, slower=2.0, report_count=1, device_count=1)


@dataclass
class Story:
    """A fleet of three: two in the first stage of every rollout, one of them behind a gateway, and one last."""

    fleet: Fleet
    first: Rover
    last: Rover
    behind: Behind

    @property
    def all(self) -> tuple[Rover, Rover, Behind]:
        return self.first, self.last, self.behind


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def story(fleet: Fleet) -> Story:
    fleet.yard.sign_base(fleet.enter(WEAK))
    fleet.admin.models.set_channel("rover", "stable", "rover/1")
    early, late = [True] * 4, [False] * 4
    behind = fleet.behind(name_with("hall", early, SHARE), fleet.gateway())
    first, last = fleet.rover(name_with("porch", early, SHARE)), fleet.rover(name_with("yard", late, SHARE))
    return Story(fleet, first, last, behind)


def ended(fleet: Fleet, number: int) -> str:
    """How a rollout ended, once it has."""
    for _ in fleet.hints():
        state = fleet.rollouts.get(f"rover/{number}").state
        if state != "RUNNING":
            return state
    raise AssertionError("no more hints")


def current(device: Rover | Behind) -> str:
    state = device.state
    return state.current.version if state and state.current else ""


def test_a_device_enrols_pins_the_root_that_came_with_it_and_installs_a_signed_base(story: Story) -> None:
    for device in story.all:
        wait_for(lambda each=device: current(each) == version(1))
        pinned = (device.store.folder / "trust" / "pinned.json").read_bytes()
        assert pinned == story.fleet.yard.root
        assert wait_for(lambda each=device: each.told("installed"))[0]["version"] == version(1)
    wait_for(lambda: len(list(story.fleet.rollouts.devices("rover"))) == 3)


def test_a_good_candidate_moves_stage_by_stage_by_what_agents_report(story: Story) -> None:
    fleet = story.fleet
    number = fleet.enter(GOOD, base=1, promoted=True)
    rollout = fleet.rollouts.start(f"rover/{number}", plan=QUICK)
    assert ended(fleet, 1) == "COMPLETED", rollout
    for device in story.all:
        wait_for(lambda each=device: current(each) == version(number))
        assert device.state.candidate is None
    assert fleet.admin.models.channel("rover").version == version(number)
    found = fleet.rollouts.get("rover/1")
    assert [event.text.split(" ")[0] for event in found.events] == ["began", "went", "completed:"]
    assert found.signals[0].mean > 0.5, "it is better"


def test_devices_switched_to_what_they_had_beside_them(story: Story) -> None:
    """By a delta, and nothing came twice: a download is told before its first byte."""
    for device in story.all:
        downloads = [*device.told("downloading"), *device.told("downloading_delta")]
        assert len({str(row) for row in downloads}) == len(downloads)
        switched = wait_for(lambda each=device: each.told("installed")[1:])[0]
        assert switched["version"] == version(2)
        assert 0 < switched["delta_bytes"] < 1000


def test_what_ran_where_and_when_is_known_also_of_a_device_behind_a_gateway(story: Story) -> None:
    for device in story.all:
        found = wait_for(
            lambda each=device: (known := story.fleet.rollouts.device(each.name)).version == version(2) and known
        )
        assert [(event.state, event.version) for event in found.history] == [
            ("INSTALLED", version(1)),
            ("INSTALLED", version(2)),
        ]
        assert found.window_count > 0


@pytest.mark.parametrize(
    ("number", "weights", "chain", "why"),
    [(2, GOOD[::-1].copy(), 0, "answers worse"), (3, GOOD, 2500, "take too long")],
    ids=["shuffled", "slow"],
)
def test_a_bad_candidate_is_stopped_in_its_first_stage(
    story: Story, number: int, weights: np.ndarray, chain: int, why: str
) -> None:
    fleet = story.fleet
    bad = fleet.enter(weights, base=2, promoted=True, chain=chain)
    fleet.rollouts.start(f"rover/{bad}", plan=CAREFUL)
    assert ended(fleet, number) == "ABORTED"
    found = fleet.rollouts.get(f"rover/{number}")
    assert (found.stage, why in found.reason) == (0, True), found.reason
    for device in story.all:
        wait_for(lambda each=device: each.state.candidate is None)
        assert current(device) == version(2)
    assert version(bad) not in {row["version"] for row in story.last.told("shadow_started")}
    assert version(bad) in {row["version"] for row in story.first.told("shadow_started")}


def test_what_the_gate_did_not_sign_gets_into_no_slot(story: Story) -> None:
    """The server does not roll it out; one that is in other hands and does finds no device that takes it."""
    fleet = story.fleet
    unsigned = fleet.enter(GOOD * 2, base=2, promoted=False)
    with pytest.raises(ServerRefused) as refusal:
        fleet.rollouts.start(f"rover/{unsigned}", plan=QUICK)
    assert refusal.value.reason == Reason.TARGET_NOT_SIGNED
    limits = {"stages": (1.0,), "report_count": 1, "device_count": 1}
    request = RequestKey("", "")
    fleet.yard.catalogue.write(rollout_moves.create, "rover", "stable", unsigned, limits, request, now_us())
    for device in (story.first, story.behind):
        refusals = wait_for(
            lambda each=device: [row for row in each.told("candidate_refused") if row["version"] == version(unsigned)]
        )
        assert refusals[0]["reason"] == Reason.TARGET_NOT_SIGNED
        assert device.state.candidate is None
    assert fleet.rollouts.get("rover/4").report_count == 0
    assert fleet.rollouts.abort("rover/4", "nobody may have it").state == "ABORTED"


def test_an_agent_renews_its_certificate_and_is_heard_on(story: Story) -> None:
    device, fleet = story.last, story.fleet
    device.certificate_s = lambda: (datetime.now(UTC) + timedelta(days=61)).timestamp()
    (renewed,) = wait_for(lambda: device.told("renewed"))
    known = {each.name: each.serial_number for each in people.everybody(fleet.admin.channel, fleet.admin.address)}
    assert known[f"identities/{device.name}"] == renewed["serial"]
    before = fleet.rollouts.device(device.name).window_count
    wait_for(lambda: fleet.rollouts.device(device.name).window_count > before)


def test_who_is_revoked_gets_nothing_more_and_answers_on(story: Story) -> None:
    device = story.first
    people.revoke(story.fleet.admin.channel, story.fleet.admin.address, device.name)

    def refused() -> str:
        try:
            device.remote.offer("models/rover", "stable", device_id=device.name)
        except ServerRefused as refusal:
            return refusal.reason
        return ""

    assert wait_for(refused) == Reason.CERTIFICATE_REFUSED
    before = len(device.said)
    wait_for(lambda: len(device.said) > before)
    assert device.said[-1]["version"] == version(2)
    story.last.remote.offer("models/rover", "stable", device_id=story.last.name)
