"""A version comes in only when every check passes; whatever fails, what ran before runs on."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.edge.answer import answer_window
from slipway.edge.install import Installer
from slipway.edge.store import Store
from slipway.errors import Reason, Refused
from slipway.transport import ServerRefused, ServerUnreachable
from tests.slipway.edge.bundles import WINDOW, bundle
from tests.slipway.edge.conftest import Events
from tests.slipway.edge.repository import Repository, Served

Make = Callable[..., Installer]


def answer(installer: Installer) -> tuple[str, str]:
    """(class, version) of what answers now."""
    assert installer.live is not None
    found = answer_window(WINDOW, installer.live)
    return found["class"], found["version"]


def files(installer: Installer) -> set[str]:
    """Hashes of all bundles and parts on the disk."""
    folder = installer.store.folder
    return {path.stem for name in ("bundles", "downloads") for path in (folder / name).iterdir()}


def test_the_first_version_is_installed_and_reported(installer: Make, repository: Repository) -> None:
    sha256 = repository.publish("models/rover", 1, bundle(1))
    device = installer()
    device.start()
    assert device.live is None
    assert device.update()
    device.report()
    assert answer(device) == ("odd", "models/rover/versions/1")
    assert files(device) == {sha256}
    assert [(r.version, r.state) for r in repository.reports] == [("models/rover/versions/1", 1)]
    assert device.state.reports == ()


def test_asking_again_changes_nothing(installer: Make, repository: Repository) -> None:
    repository.publish("models/rover", 1, bundle(1))
    device = installer()
    assert device.update()
    assert not device.update()
    assert len(repository.downloads) == 1


def test_the_next_version_keeps_the_one_before_and_no_older(installer: Make, repository: Repository) -> None:
    hashes = []
    device = installer()
    for version in (1, 2, 3):
        hashes.append(repository.publish("models/rover", version, bundle(version)))
        device.update()
    assert answer(device) == ("odd", "models/rover/versions/3")
    assert files(device) == set(hashes[1:])
    assert device.state.previous and device.state.previous.sha256 == hashes[1]


def test_a_start_without_the_server_runs_what_is_installed(
    installer: Make, repository: Repository, served: Served
) -> None:
    repository.publish("models/rover", 2, bundle(2))
    installer().update()
    served.stop()
    device = installer()
    device.start()
    assert answer(device) == ("even", "models/rover/versions/2")
    with pytest.raises(ServerUnreachable):
        device.update()
    assert answer(device) == ("even", "models/rover/versions/2")


def test_going_back_on_the_channel_needs_no_download(installer: Make, repository: Repository) -> None:
    device = installer()
    for version in (1, 2, 1):
        repository.publish("models/rover", version, bundle(version))
        device.update()
    assert answer(device) == ("odd", "models/rover/versions/1")
    assert len(repository.downloads) == 2


def test_a_smaller_serial_is_refused(installer: Make, repository: Repository) -> None:
    device = installer()
    repository.publish("models/rover", 2, bundle(2), serial=7)
    device.update()
    repository.publish("models/rover", 1, bundle(1), serial=6)
    with pytest.raises(Refused) as refusal:
        device.update()
    assert refusal.value.reason is Reason.SERIAL_BACKWARDS
    assert answer(device) == ("even", "models/rover/versions/2")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bundle(2, fault=0.5), Reason.SELF_TEST_FAILED),
        (bundle(2)[:-1], Reason.BUNDLE_MALFORMED),
        (b"not a bundle", Reason.BUNDLE_MALFORMED),
        (bundle(2, model="lander"), Reason.VERSION_MISMATCH),
        (bundle(4), Reason.VERSION_MISMATCH),
    ],
    ids=["self-test", "cut", "garbage", "another model", "another version"],
)
def test_a_bad_bundle_is_refused_once_and_never_fetched_again(
    installer: Make, repository: Repository, data: bytes, reason: Reason
) -> None:
    good = repository.publish("models/rover", 1, bundle(1))
    device = installer()
    device.update()
    bad = repository.publish("models/rover", 2, data)
    with pytest.raises(Refused) as first:
        device.update()
    again = installer()
    again.start()
    with pytest.raises(Refused) as second:
        again.update()
    again.report()
    assert first.value.reason is reason
    assert second.value.reason is Reason.VERSION_REFUSED_BEFORE
    assert [sha256 for sha256, _ in repository.downloads] == [good, bad]
    assert answer(again) == ("odd", "models/rover/versions/1")
    assert files(again) == {good}
    assert [(r.state, r.reason) for r in repository.reports] == [(1, ""), (2, reason)]


def test_a_good_version_after_a_bad_one_is_installed(installer: Make, repository: Repository) -> None:
    device = installer()
    repository.publish("models/rover", 1, bundle(1, fault=1.0))
    with pytest.raises(Refused):
        device.update()
    repository.publish("models/rover", 2, bundle(2))
    assert device.update()
    assert answer(device) == ("even", "models/rover/versions/2")


def test_wrong_bytes_on_the_way_are_thrown_away_and_fetched_again(installer: Make, repository: Repository) -> None:
    data = bundle(1)
    sha256 = repository.publish("models/rover", 1, data)
    repository.targets[sha256] = data[:50] + bytes([data[50] ^ 1]) + data[51:]
    device = installer()
    with pytest.raises(Refused) as refusal:
        device.update()
    assert refusal.value.reason is Reason.BUNDLE_HASH_MISMATCH
    assert files(device) == set()
    repository.targets[sha256] = data
    assert device.update()
    assert answer(device) == ("odd", "models/rover/versions/1")


def test_a_broken_line_keeps_what_came(installer: Make, repository: Repository) -> None:
    data = bundle(1, ballast=20_000)
    sha256 = repository.publish("models/rover", 1, data)
    repository.break_after = 7_001
    device = installer()
    for _ in range(len(data) // 7_001):
        with pytest.raises(ServerUnreachable):
            device.update()
    assert device.update()
    assert repository.downloads == [(sha256, at) for at in range(0, len(data), 7_001)]


def test_a_damaged_current_falls_back_to_the_version_before(installer: Make, repository: Repository) -> None:
    device = installer()
    for version in (1, 2):
        sha256 = repository.publish("models/rover", version, bundle(version))
        device.update()
    path = device.store.bundle(sha256)
    path.write_bytes(path.read_bytes()[:-7] + b"damaged")
    again = installer()
    again.start()
    assert answer(again) == ("odd", "models/rover/versions/1")
    assert again.update(), "the damaged file is fetched again"
    again.report()
    assert answer(again) == ("even", "models/rover/versions/2")
    assert [(r.version[-1], r.state, r.reason) for r in repository.reports] == [
        ("1", 1, ""),
        ("2", 3, "BUNDLE_HASH_MISMATCH"),
        ("2", 1, ""),
    ]


def test_with_both_versions_damaged_nothing_runs_until_the_server_helps(
    installer: Make, repository: Repository
) -> None:
    device = installer()
    for version in (1, 2):
        device.store.bundle(repository.publish("models/rover", version, bundle(version)))
        device.update()
    for path in (device.store.folder / "bundles").iterdir():
        path.unlink()
    again = installer()
    again.start()
    assert again.live is None
    assert again.update()
    assert answer(again) == ("even", "models/rover/versions/2")


def test_an_unknown_channel_is_the_servers_no(installer: Make) -> None:
    with pytest.raises(ServerRefused) as refusal:
        installer(channel="beta").update()
    assert refusal.value.code == "NOT_FOUND"


@pytest.mark.parametrize(
    "change",
    [
        {"version": "../../etc/passwd"},
        {"version": "models/other/versions/1"},
        {"version": "models/rover/versions/0"},
        {"serial": -1},
        {"serial": 1 << 60},
        {"sha256": "../" * 21 + "x"},
        {"size_bytes": 0},
        {"size_bytes": 1 << 40},
    ],
    ids=str,
)
def test_an_offer_that_cannot_be_true_is_refused(
    installer: Make, repository: Repository, change: dict[str, object]
) -> None:
    repository.publish("models/rover", 1, bundle(1))
    offer = repository.channels["models/rover", "stable"]
    for key, value in change.items():
        setattr(offer.target if key in ("sha256", "size_bytes") else offer, key, value)
    device = installer()
    with pytest.raises(Refused) as refusal:
        device.update()
    assert refusal.value.reason in (Reason.FIELD_INVALID, Reason.LIMIT_EXCEEDED)
    assert repository.downloads == []


def test_a_server_that_sends_more_than_promised_is_cut_off(installer: Make, repository: Repository) -> None:
    data = bundle(1)
    repository.publish("models/rover", 1, data)
    repository.targets[hashlib.sha256(data).hexdigest()] = data + b"endless" * 10_000
    device = installer()
    with pytest.raises(Refused) as refusal:
        device.update()
    assert refusal.value.reason is Reason.DOWNLOAD_INVALID


def test_two_agents_never_share_a_folder(installer: Make, folder: Path) -> None:
    device = installer()
    with pytest.raises(Refused) as refusal, Store(device.store.folder).locked():
        pass
    assert refusal.value.reason is Reason.EDGE_FOLDER_BUSY
    assert device.store.in_use()


def test_a_state_that_cannot_be_read_is_set_aside_and_the_device_installs_afresh(
    installer: Make, repository: Repository, folder: Path, events: Events
) -> None:
    sha256 = repository.publish("models/rover", 1, bundle(1))
    installer().update()
    (folder / "state.json").write_bytes(b"{")
    device = installer()
    device.start()
    assert device.live is None
    assert device.update()
    assert (folder / "state.damaged").read_bytes() == b"{"
    assert "forgotten" in [event for event, _ in events]
    assert [found for found, _ in repository.downloads] == [sha256], "the bundle was still there"


def test_the_device_keeps_its_id_until_it_is_given_another(installer: Make) -> None:
    first = installer().state.device_id
    assert installer().state.device_id == first
    assert installer(device_id="porch").state.device_id == installer().state.device_id == "porch"


def test_a_file_that_rots_before_the_switch_is_fetched_again(installer: Make, repository: Repository) -> None:
    sha256 = repository.publish("models/rover", 1, bundle(1))
    device = installer()
    device.store.bundle(sha256).write_bytes(b"rotten")
    with pytest.raises(Refused) as refusal:
        device.update()
    assert refusal.value.reason is Reason.BUNDLE_HASH_MISMATCH
    assert device.update()
    assert answer(device) == ("odd", "models/rover/versions/1")


def test_a_folder_serves_one_model(installer: Make, repository: Repository) -> None:
    repository.publish("models/rover", 1, bundle(1))
    installer().update()
    with pytest.raises(Refused) as refusal:
        installer(model="models/lander")
    assert "--folder" in refusal.value.remedy
