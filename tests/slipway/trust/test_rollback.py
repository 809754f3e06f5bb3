"""Rollback, fast-forward and mix-and-match, after the cases of the public tuf-conformance suite of these names."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from service.trust import roles, rotation
from slipway.errors import Refused
from slipway.trust import floor, names
from tests.slipway.trust.attacks import nothing, refused, to_version, trusted
from tests.slipway.trust.shop import ADAPTERS, DAY, NOW, ROVER, Device, Shop, key


def test_new_timestamp_version_rollback(shop: Shop, device: Device) -> None:
    old = shop.files.files[names.TIMESTAMP]
    shop.repository.publish(NOW)
    device.refresh()
    before = trusted(device)
    shop.files.files[names.TIMESTAMP] = old
    with refused("BadVersionNumber"):
        device.refresh()
    assert trusted(device) == before


def test_a_timestamp_is_not_rolled_back_when_the_metadata_on_hand_was_lost(shop: Shop, device: Device) -> None:
    old = shop.files.files[names.TIMESTAMP]
    shop.repository.publish(NOW)
    device.refresh()
    (device.folder / "metadata" / "timestamp.json").unlink()
    (device.folder / "metadata" / "snapshot.json").unlink()
    shop.files.files[names.TIMESTAMP] = old
    with refused("has seen timestamp"):
        device.refresh()
    assert floor.read(device.folder).counter == Metadata.from_bytes(old).signed.version + 1


def test_snapshot_rollback(shop: Shop, device: Device) -> None:
    device.refresh()
    before = trusted(device)
    shop.forge({Timestamp.type: lambda timestamp: to_version(1)(timestamp.snapshot_meta)}, seal=False)
    with refused("BadVersionNumber"):
        device.refresh()
    assert trusted(device) == before


@pytest.mark.parametrize("role", [Targets.type, ADAPTERS])
def test_targets_rollback(shop: Shop, device: Device, role: str) -> None:
    device.refresh().bundle(f"{ROVER}/2")
    before = trusted(device)
    shop.forge({role: to_version(1)})
    with refused("BadVersionNumber"):
        device.refresh()
    assert {r: v for r, v in trusted(device).items() if r != Timestamp.type} == {
        r: v for r, v in before.items() if r != Timestamp.type
    }


def test_a_role_that_disappears_from_the_snapshot_is_missed(shop: Shop, device: Device) -> None:
    device.refresh()
    state = shop.state
    shop.repository.publish(NOW)
    shop.forge({Snapshot.type: lambda snapshot: snapshot.meta.pop(f"{ADAPTERS}.json")}, seal=False)
    snapshot = shop.files.files[names.metadata_name("snapshot", shop.state.snapshot.signed.version + 1)]
    shop.forge({Timestamp.type: lambda timestamp: _point(timestamp, snapshot)}, seal=False)
    with refused("missing info for"):
        device.refresh()
    assert device.version(Snapshot.type) == state.snapshot.signed.version


def _point(timestamp: Timestamp, snapshot: bytes) -> None:
    version = Metadata.from_bytes(snapshot).signed.version
    timestamp.snapshot_meta = timestamp.snapshot_meta.from_data(version, snapshot, ["sha256"])


@pytest.mark.parametrize("role", [Snapshot.type, Targets.type])
def test_snapshot_and_targets_hash_mismatch(shop: Shop, device: Device, role: str) -> None:
    """Mix and match: a file that was rightly signed, but is not the one that belongs with the others."""
    version = shop.state.snapshot.signed.version if role == Snapshot.type else shop.state.base.signed.version
    own = names.metadata_name(role, version)
    length = len(shop.files.files[own])
    shop.forge({role: lambda signed: setattr(signed, "expires", NOW + 9 * DAY)}, seal=False, bump=False)
    assert len(shop.files.files[own]) == length
    with refused("LengthOrHashMismatch"):
        device.refresh()
    assert device.version(role) is None


@pytest.mark.parametrize("role", [Snapshot.type, Targets.type])
def test_new_version_mismatch(shop: Shop, device: Device, role: str) -> None:
    """The file under the right name says it is another version."""
    device.refresh()
    shop.repository.publish(NOW)
    state = shop.state
    mine = state.snapshot if role == Snapshot.type else state.base
    shop.forge({role: nothing}, seal=False)
    newer = shop.files.files[names.metadata_name(role, mine.signed.version + 1)]
    device.line.lies[f"/{mine.signed.version}.{role}.json"] = lambda truth: iter([newer])
    (device.folder / "metadata" / f"{role}.json").unlink()
    with refused("Length|Version"):
        device.refresh()


def test_timestamp_content_changes(shop: Shop, device: Device) -> None:
    """Another content under the same version is not taken: what is trusted stays."""
    device.refresh()
    mine = (device.folder / "metadata" / "timestamp.json").read_bytes()
    shop.forge({Timestamp.type: lambda timestamp: to_version(100)(timestamp.snapshot_meta)}, bump=False, seal=False)
    device.refresh()
    assert (device.folder / "metadata" / "timestamp.json").read_bytes() == mine


def _rotate(shop: Shop, *rotated: str, forget_time: bool = False) -> None:
    """New keys for online roles, by a root that the old root's keys sign."""
    root = shop.state.root
    for role in rotated:
        shop.signers[role] = [key(f"new {role}")]
        root = rotation.with_keys(root, role, [shop.signers[role][0].public_key], 1, LATER, forget_time=forget_time)
        root.signed.version = shop.state.root.signed.version + 1
    shop.hold(shop.lifetimes)
    shop.repository.publish(NOW, root=roles.sign(root, *shop.signers[Root.type]))


LATER = NOW + 365 * DAY


def _restored(shop: Shop, timestamp: int, snapshot: int | None = None) -> None:
    """What the rightful owner publishes: versions counted from a backup, keys new."""
    if snapshot is not None:
        shop.forge({Snapshot.type: to_version(snapshot)}, seal=False)
        data = shop.files.files[names.metadata_name(Snapshot.type, snapshot)]
        shop.forge({Timestamp.type: lambda t: (_point(t, data), to_version(timestamp)(t))}, seal=False)
    else:
        shop.forge({Timestamp.type: to_version(timestamp)}, seal=False)


def test_new_timestamp_fast_forward_recovery(shop: Shop, device: Device) -> None:
    shop.forge({Timestamp.type: to_version(99_999)}, seal=False)
    device.refresh()
    _rotate(shop, Timestamp.type)
    _restored(shop, timestamp=7)
    view = device.refresh()
    assert device.version(Timestamp.type) == view.floor.counter == 7


def test_new_snapshot_fast_forward_recovery(shop: Shop, device: Device) -> None:
    _restored(shop, timestamp=50, snapshot=99_999)
    device.refresh()
    assert device.version(Snapshot.type) == 99_999
    _rotate(shop, Snapshot.type, Timestamp.type)
    _restored(shop, timestamp=60, snapshot=70)
    device.refresh()
    assert (device.version(Snapshot.type), device.version(Timestamp.type)) == (70, 60)


def test_new_targets_fast_forward_recovery(shop: Shop, device: Device) -> None:
    right = shop.state.base.signed.version
    shop.forge({Targets.type: to_version(99_999)})
    device.refresh()
    _rotate(shop, Snapshot.type, Timestamp.type)
    shop.forge({Targets.type: to_version(right + 1)})
    device.refresh()
    assert device.version(Targets.type) == right + 1


def test_a_time_that_a_stolen_key_told_ends_with_the_key(shop: Shop, device: Device) -> None:
    """Fast-forward of time: a device without a clock would hold everything for expired, for ever."""
    far = NOW + timedelta(days=4000)
    shop.forge(
        {Timestamp.type: lambda t: t.unrecognized_fields.update({"x-slipway-signed-at": f"{far:%FT%TZ}"})}, seal=False
    )
    assert device.refresh(now=None).floor.time == far
    with refused("expired"):
        device.refresh(now=None)
    _rotate(shop, Timestamp.type, forget_time=True)
    assert device.refresh(now=None).floor.time == NOW
    assert device.refresh(now=NOW + timedelta(hours=1)).reference == NOW + timedelta(hours=1)


def test_a_rotation_alone_does_not_turn_time_back(shop: Shop, device: Device) -> None:
    """Or whoever holds an expired timestamp of the new keys could replay it to a device without a clock."""
    _rotate(shop, Timestamp.type)
    late = NOW + 5 * DAY
    floor.write(device.folder, floor.Floor((late - floor.EPOCH).total_seconds(), 1, ("former keys",)))
    with refused("is expired"):
        device.refresh(now=None)
    assert floor.read(device.folder).time == late


def test_time_is_forgotten_once_and_no_more(shop: Shop, device: Device) -> None:
    """Under the new keys the floor stands again, although the root still says that former ones were stolen."""
    device.refresh(now=None)
    _rotate(shop, Timestamp.type, forget_time=True)
    device.refresh(now=None)
    with refused("is expired"):
        device.refresh(now=None, elapsed_s=5 * DAY.total_seconds())
    assert floor.read(device.folder).time == NOW + 5 * DAY


def test_the_checks_above_see_an_honest_repository_go_on(shop: Shop, device: Device) -> None:
    before = device.refresh()
    shop.add_base(3, b"another")
    assert replace(device.refresh().floor, counter=before.floor.counter) == before.floor
    try:
        device.refresh().bundle(f"{ROVER}/3")
    except Refused as refusal:
        pytest.fail(str(refusal))
