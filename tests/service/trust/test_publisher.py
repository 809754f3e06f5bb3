"""The publisher by its clock: fresh every day, adapted versions signed anew every week, what went back stays away."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Signature
from tuf.api.metadata import Metadata, Targets

from service.catalogue import migrate, models
from service.catalogue.engine import Catalogue, database_url
from service.config import Config
from service.trust import signer
from service.trust.frames import Ended
from service.trust.publisher import Publisher
from service.trust.roles import LIFETIMES
from slipway.errors import Reason, Refused
from slipway.trust.view import LIMITS, refresh
from tests.service.trust.yard import Yard, now, version

ADAPTERS = "adapters/rover"
DAY = timedelta(days=1)


class Near:
    """What a signing process does, in this process and by another clock; ``dead``: as if it had died."""

    def __init__(self, kind: str, yard: Yard, clock: Callable[[], datetime]) -> None:
        self.desk = signer.open_desk(kind, yard.config)
        self.clock = clock
        self.dead = False
        self.asked = 0

    def sign(self, role: str, draft: Metadata[Targets]) -> None:
        self.asked += 1
        if self.dead:
            raise Ended("it has ended")
        found = Signature.from_dict(signer.signature(self.desk, role, draft.to_bytes().decode(), self.clock()))
        draft.signatures[found.keyid] = found

    def start(self) -> None:
        pass

    def stop(self) -> None:
        self.desk.catalogue.close()


class Case:
    """A repository on its first day, and a clock that can be moved on."""

    def __init__(self, folder: Path) -> None:
        self.begin = self.now = now()
        self.yard = Yard(folder)
        self.yard.add_model()
        self.yard.enter()
        self.yard.sign_base(1)
        self.near = [Near(kind, self.yard, lambda: self.now) for kind in ("adapter", "gate")]
        self.publisher = Publisher(self.yard.config, self.near)

    def after(self, passed: timedelta = timedelta()) -> bool:
        """A round so much after the beginning."""
        self.now = self.begin + passed
        return self.publisher.round(self.now)

    def number(self, role: str) -> int:
        """Version of a role's metadata."""
        state = self.yard.desk.state()
        known: dict[str, Any] = {**state.targets, "timestamp": state.timestamp, "snapshot": state.snapshot}
        return int(known[role].signed.version)

    def signed(self) -> set[str]:
        return self.yard.signed()[ADAPTERS]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_a_new_timestamp_every_day_and_nothing_in_between(case: Case) -> None:
    first = case.number("timestamp")
    assert not case.after(LIFETIMES.timestamp / 2 - timedelta(hours=1))
    assert case.after(LIFETIMES.timestamp / 2 + timedelta(hours=1))
    assert (case.number("timestamp"), case.number(ADAPTERS)) == (first + 1, 1)
    assert not case.after(LIFETIMES.timestamp / 2 + timedelta(hours=2))


def test_a_month_by_itself_never_expires_for_a_device(case: Case, tmp_path: Path) -> None:
    case.yard.enter(promoted=True, base=1)
    case.yard.enrol(tmp_path)
    roles = set()
    for hours in range(0, 24 * 30, 20):
        case.after(timedelta(hours=hours))
        roles.add(case.number(ADAPTERS))
        view = refresh(tmp_path / "trust", case.yard.desk.place.files, now=case.now)
        assert view.bundle(version(2))
    assert 4 <= len(roles) <= 6, "signed anew every week, not every day"


def test_what_was_promoted_is_signed_and_what_was_not_is_left(case: Case) -> None:
    better, kept, other = (case.yard.enter(promoted=promoted, base=1) for promoted in (True, False, True))
    base = case.yard.enter()
    assert case.after()
    assert case.signed() == {version(better), version(other)} and case.number(ADAPTERS) == 2, "one version of it"
    assert not case.after() and {version(kept), version(base)}.isdisjoint(case.signed())


def test_what_was_taken_back_goes_and_stays_away(case: Case) -> None:
    number = case.yard.enter(promoted=True, base=1)
    case.after()
    case.yard.desk.place.take_back([version(number)])
    assert case.after() and not case.signed()
    assert not case.after(timedelta(hours=2)) and not case.signed()
    case.after(10 * DAY)
    assert not case.signed()


def test_one_version_that_is_refused_does_not_stop_the_others(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    bad, good = (case.yard.enter(promoted=True, base=1) for _ in range(2))
    gate = case.near[1]
    truth = gate.desk.catalogue

    class Doubting:
        def read(self, query: Any, model: str, number: int, *rest: Any) -> Any:
            if number == bad:
                raise Refused(Reason.TARGET_NOT_SIGNED, field="version", name=version(bad), problem="no")
            return truth.read(query, model, number, *rest)

    gate.desk = signer.Desk("gate", gate.desk.uri, gate.desk.place, Doubting(), gate.desk.blobs)  # type: ignore[arg-type]
    assert case.after() and case.signed() == {version(good)}
    asked = gate.asked
    assert not case.after(timedelta(minutes=5)) and gate.asked == asked, "it is not asked again at once"
    gate.desk = signer.Desk("gate", gate.desk.uri, gate.desk.place, truth, gate.desk.blobs)
    assert case.after(timedelta(hours=2)) and case.signed() == {version(bad), version(good)}


@pytest.mark.parametrize("index", [0, 1])
def test_a_dead_signer_stops_no_timestamp_and_signs_when_it_is_back(case: Case, index: int) -> None:
    number = case.yard.enter(promoted=True, base=1)
    case.near[index].dead = True
    first = case.number("timestamp")
    assert case.after(2 * DAY) and case.number("timestamp") == first + 1 and not case.signed()
    case.near[index].dead = False
    assert case.after(2 * DAY + timedelta(minutes=1)) and case.signed() == {version(number)}


def test_a_damaged_bundle_is_not_signed(case: Case) -> None:
    number = case.yard.enter(promoted=True, base=1)
    sha256 = case.yard.catalogue.read(models.artifact, "rover", number, models.BUNDLE).sha256
    path = case.yard.data / "blobs" / sha256[:2] / sha256
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    assert not case.after() and not case.signed()
    path.write_bytes(data)
    assert case.after(timedelta(hours=2)) and case.signed() == {version(number)}


def test_a_role_that_is_full_stops_no_timestamp(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [case.yard.enter(promoted=True, base=1) for _ in range(4)]
    monkeypatch.setattr(LIMITS, "targets_max_length", len(case.yard.desk.state().base.to_bytes()) + 10)
    first = case.number("timestamp")
    assert case.after(2 * DAY) and case.number("timestamp") == first + 1 and not case.signed()
    monkeypatch.undo()
    assert case.after(2 * DAY + timedelta(hours=2)) and case.signed() == set(map(version, numbers))


def test_a_publisher_without_a_repository_says_so(tmp_path: Path) -> None:
    migrate.bring_up_to_date(Catalogue(database_url("", tmp_path)))
    with pytest.raises(Refused, match=r"timestamp\.json"):
        Publisher(Config(data_folder=tmp_path), []).round(now())


def test_another_key_than_that_of_the_role_publishes_nothing(case: Case) -> None:
    before = case.number("timestamp")
    case.publisher.config = replace(case.yard.config, trust_timestamp_key=str(case.yard.keys / "gate.pem"))
    with pytest.raises(Refused, match="not the key of this role"):
        case.after(2 * DAY)
    assert case.number("timestamp") == before
