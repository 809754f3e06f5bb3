"""A device's certificate is renewed while it runs, and what carries a time is believed also without a clock."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from service.catalogue import devices, identities, models
from service.catalogue.engine import Catalogue, database_url
from service.clock import now_us
from service.domain import Lineage, NewVersion
from service.identity import profile
from service.identity.values import Role
from slipway.edge import moves
from slipway.edge.clock import at_least
from slipway.edge.install import Installer
from slipway.edge.remote import Remote
from slipway.edge.renewal import Renewal
from slipway.edge.report import Health, Sums
from slipway.edge.reporting import Reporter
from slipway.edge.state import State
from slipway.edge.store import Store
from slipway.identity.enrol import renew
from slipway.identity.folder import credentials, due_s, load
from slipway.identity.request import read_owner
from slipway.transport import ServerRefused, ServerUnreachable
from slipway.trust import floor
from slipway.trust.floor import Floor
from slipway.v1 import updates_pb2 as pb
from tests.service.identity.town import Person, Town, yesterday
from tests.service.pipelines import TASK
from tests.service.process import wait_for

MODEL, VERSION = "models/m", "models/m/versions/1"
DAY_S = 86_400.0


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def catalogue(town: Town) -> Iterator[Catalogue]:
    made = Catalogue(database_url("", town.folder / "data"))
    made.write(models.add_version, NewVersion("m", TASK.to_json(), Lineage("mlp"), 1, {}), {}, "job", now_us())
    yield made
    made.close()


class Lookout:
    """A line to the server, and what renews its certificate."""

    def __init__(self, town: Town, folder: Path, clock: Callable[[], float]) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.remote = Remote(town.address, credentials(town.address, str(folder)))
        tell = lambda event, **values: self.events.append((event, values))  # noqa: E731
        self.renewal = Renewal(folder, town.address, self.remote.show, tell, clock=clock)

    def speaks_as(self, catalogue: Catalogue, device_id: str) -> bool:
        """Whether the server takes a report over the line, as it is open now."""
        number = int(datetime.now(UTC).timestamp() * 1000)
        self.remote.report_health(device_id, Health(number, VERSION, 1))
        return catalogue.read(devices.some, [device_id])[device_id].sequence == number


def in_days(days: float) -> Callable[[], float]:
    return lambda: (datetime.now(UTC) + timedelta(days=days)).timestamp()


def test_nothing_happens_until_two_thirds_have_passed(town: Town) -> None:
    folder = town.enrolled("early").folder
    before, due = load(folder), due_s(folder)
    assert due == pytest.approx(read_owner(before.certificate).due.timestamp())
    lookout = Lookout(town, folder, in_days(59.9))
    assert not lookout.renewal.look()
    assert (load(folder), lookout.events) == (before, [])


def test_the_next_certificate_is_shown_without_a_new_start(town: Town, catalogue: Catalogue) -> None:
    folder = town.enrolled("due").folder
    before = load(folder).certificate
    lookout = Lookout(town, folder, in_days(60.1))
    broken = threading.Event()
    watch = threading.Thread(target=_listen, args=(lookout.remote, broken))
    assert lookout.speaks_as(catalogue, "due")
    watch.start()
    assert lookout.renewal.look()
    assert broken.wait(20), "what was under way on the old line breaks off"
    watch.join()
    owner = read_owner(load(folder).certificate)
    assert owner.serial_number != read_owner(before).serial_number
    assert lookout.speaks_as(catalogue, "due")
    assert [event for event, _ in lookout.events] == ["renewed"]
    lookout.renewal = Renewal(folder, town.address, lookout.remote.show, print, clock=in_days(30))
    assert not lookout.renewal.look(), "the next one holds"


def test_a_certificate_that_is_about_to_end_is_used_no_more(town: Town, catalogue: Catalogue) -> None:
    """The old one ends: the server hears the device on."""
    old = town.made("ending", Role.DEVICE, town.authority(lambda: yesterday(80)))
    _enter(catalogue, old, "ending")
    assert due_s(old.folder) == 0.0, "nobody noted when it is due, so it is looked at"
    lookout = Lookout(town, old.folder, in_days(0))
    assert lookout.renewal.look()
    assert read_owner(load(old.folder).certificate).left(datetime.now(UTC)) > timedelta(days=89)
    assert lookout.speaks_as(catalogue, "ending")


def test_what_somebody_else_renewed_is_shown_too(town: Town, catalogue: Catalogue) -> None:
    folder = town.enrolled("cron").folder
    lookout = Lookout(town, folder, in_days(0))
    renew(town.address, folder)
    assert lookout.renewal.look()
    assert not lookout.renewal.look()
    assert lookout.speaks_as(catalogue, "cron")


def test_a_server_that_says_no_or_is_away_leaves_all_as_it_is(town: Town) -> None:
    folder = town.enrolled("gone").folder
    before, lookout = load(folder), Lookout(town, folder, in_days(70))
    away = Renewal(folder, "127.0.0.1:1", lookout.remote.show, lookout.renewal._tell, clock=in_days(70))
    assert not away.look()
    town.admin.identities.RevokeIdentity(_revoked("gone"))
    wait_for(lambda: _is_refused(lookout.remote))
    assert not lookout.renewal.look()
    assert load(folder) == before
    assert [event for event, _ in lookout.events] == ["not_renewed", "not_renewed"]
    assert "127.0.0.1:1" in lookout.events[0][1]["message"]


def test_a_line_that_was_closed_stays_closed(town: Town) -> None:
    folder = town.enrolled("closed").folder
    lookout = Lookout(town, folder, in_days(70))
    lookout.remote.close()
    assert lookout.renewal.look()
    with pytest.raises(ServerUnreachable):
        lookout.remote.offer(MODEL, "stable")


@given(st.lists(st.floats(0, 1), min_size=1))
def test_looks_are_about_an_hour_apart(draws: list[float]) -> None:
    renewal = Renewal.__new__(Renewal)
    renewal._look_s = 3600.0
    assert all(2880 <= renewal.pause_s(draw) <= 4320 for draw in draws)


def test_the_clock_is_never_before_what_was_proved(tmp_path: Path) -> None:
    clock = at_least(tmp_path, lambda: 500.0)
    assert clock() == 500.0, "nothing was ever proved"
    (tmp_path / "trust").mkdir()
    floor.write(tmp_path / "trust", Floor(time_s=400.0))
    assert clock() == 500.0
    floor.write(tmp_path / "trust", Floor(time_s=1.8e9))
    assert clock() == 1.8e9


def test_a_device_without_a_clock_signs_with_the_time_that_was_proved(town: Town, tmp_path: Path) -> None:
    (tmp_path / "trust").mkdir()
    floor.write(tmp_path / "trust", Floor(time_s=1.8e9))
    stub = _Relaying()
    folder = town.enrolled("clockless").folder
    reporter = Reporter(stub, "gateway", lambda: load(folder).key, at_least(tmp_path, lambda: 30.0))
    reporter._signs = True
    reporter.send(pb.ReportHealthRequest(device_id="clockless", version=VERSION, sequence=1))
    assert pb.Report.FromString(stub.sent[0].report).time.seconds == 1_800_000_000


@given(st.lists(st.floats(0, 1e10), min_size=1, max_size=20), st.integers(0, 10**12))
def test_numbers_of_reports_rise_whatever_the_clock_does(clock_s: list[float], last: int) -> None:
    state = State("d", sequence=last)
    for now_s in clock_s:
        after = moves.filed(state, VERSION, "", Sums(windows=1), None, now_s)
        assert after.sequence > state.sequence
        assert after.sequence >= int(now_s * 1000)
        state = after


def test_a_device_that_lost_its_state_is_heard_at_once(town: Town, catalogue: Catalogue, tmp_path: Path) -> None:
    folder = town.enrolled("forgetful").folder
    for count in (1, 2):
        store, remote = Store(tmp_path / "edge"), Remote(town.address, credentials(town.address, str(folder)))
        with store.locked():
            device = Installer(store, remote, model=MODEL, channel="stable", tell=print, device_id="forgetful")
            for _ in range(4 - count):  # fewer than before: by counting alone it would not be heard
                device.notebook.move(moves.filed, VERSION, "", Sums(windows=10), None, device.clock())
            device.report()
        remote.close()
        found = catalogue.read(devices.some, ["forgetful"])["forgetful"]
        assert found.window_count == (30 if count == 1 else 50)
        assert json.loads((tmp_path / "edge" / "state.json").read_text())["sequence"] == found.sequence
        (tmp_path / "edge" / "state.json").unlink()


def _listen(remote: Remote, broken: threading.Event) -> None:
    try:
        for _ in remote.hints(MODEL, "stable"):
            pass
    except (ServerUnreachable, ServerRefused):
        broken.set()


def _is_refused(remote: Remote) -> bool:
    try:
        remote.offer(MODEL, "stable", device_id="gone")
    except ServerRefused as refusal:
        return refusal.reason == "CERTIFICATE_REFUSED"
    return False


def _enter(catalogue: Catalogue, person: Person, name: str) -> None:
    """Let the server know a certificate that was signed past it."""
    certificate = x509.load_pem_x509_certificate(load(person.folder).certificate)
    catalogue.write(identities.enter, profile.row(certificate, name), Role.DEVICE, now_us())


def _revoked(name: str) -> Any:
    from tests.service.identity.town import identity

    return identity(name)


class _Relaying:
    """A gateway's stub that keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[pb.RelayReportRequest] = []

    def RelayReport(self, request: pb.RelayReportRequest, timeout: float) -> pb.RelayReportResponse:
        self.sent.append(request)
        return pb.RelayReportResponse()
