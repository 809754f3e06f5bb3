"""Freeze: what is expired is refused in every role, by a clock, by hours run, or by what others have signed."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from service.trust import roles
from service.trust.roles import LIFETIMES, Lifetimes
from slipway.trust import floor as floors
from slipway.trust.floor import EPOCH, Floor
from tests.slipway.trust.attacks import refused, trusted
from tests.slipway.trust.shop import ADAPTERS, DAY, NOW, ROVER, Device, Shop

HOUR = timedelta(hours=1)


def ends(moment: datetime):
    def change(signed: object) -> None:
        signed.expires = moment  # type: ignore[attr-defined]

    return change


def test_root_expired(shop: Shop, device: Device) -> None:
    """The new root is kept, everything below it stays."""
    device.refresh()
    before = trusted(device)
    root = roles.sign(roles.next_of(shop.state.root, NOW - HOUR), *shop.signers[Root.type])
    shop.repository.publish(NOW, root=root)
    with refused("root.json is expired"):
        device.refresh()
    assert trusted(device) == {**before, "root": 2}


@pytest.mark.parametrize("role", [Timestamp.type, Snapshot.type, Targets.type])
def test_an_expired_role_is_refused(shop: Shop, device: Device, role: str) -> None:
    device.refresh()
    before = device.version(role)
    if role == Targets.type:
        shop.forge({role: ends(NOW - HOUR)})
    else:
        shop.hold(Lifetimes(**{role: -HOUR}))
        shop.repository.publish(NOW)
    with refused("is expired"):
        device.refresh()
    assert device.version(role) == before


@pytest.mark.parametrize("role", [Timestamp.type, Snapshot.type, Targets.type])
def test_what_was_good_ends(shop: Shop, device: Device, role: str) -> None:
    """A server that is frozen from then on: nothing changes but the time."""
    device.refresh()
    lifetime = getattr(LIFETIMES, role)
    before = [Root.type, Timestamp.type, Snapshot.type, Targets.type]
    longer = {each: 9999 * DAY for each in before[1 : before.index(role)]}  # so that it is this one that ends
    shop.hold(Lifetimes(**longer))
    root = roles.next_of(shop.state.root, NOW + 9999 * DAY)
    shop.repository.publish(NOW, root=roles.sign(root, *shop.signers[Root.type]))
    device.refresh(NOW + lifetime - HOUR)
    with refused(f"{role}.json is expired" if role != Targets.type else "targets is expired"):
        device.refresh(NOW + lifetime + HOUR)


def test_delegated_targets_expired(shop: Shop, device: Device) -> None:
    """What was adapted is refused; base models go on."""
    shop.forge({ADAPTERS: ends(NOW - HOUR)})
    view = device.refresh()
    with refused("expired"):
        view.bundle(f"{ROVER}/2")
    assert view.bundle(f"{ROVER}/1") and device.version(ADAPTERS) is None


def test_expired_local_delegated_targets(shop: Shop, device: Device) -> None:
    device.refresh().bundle(f"{ROVER}/2")
    late = NOW + LIFETIMES.adapters + HOUR
    shop.repository.publish(late)
    with refused("expired"):
        device.refresh(late).bundle(f"{ROVER}/2")


def test_expired_local_metadata_is_replaced_by_newer(shop: Shop, device: Device) -> None:
    device.refresh().bundle(f"{ROVER}/2")
    late = NOW + LIFETIMES.adapters + HOUR
    renewed = roles.next_of(shop.state.targets[ADAPTERS], late + LIFETIMES.adapters)
    shop.repository.publish(late, targets={ADAPTERS: roles.sign(renewed, *shop.signers[ADAPTERS])})
    assert device.refresh(late).bundle(f"{ROVER}/2")


def test_a_device_without_a_clock_notices_a_frozen_server_by_the_hours_it_runs(shop: Shop, device: Device) -> None:
    assert device.refresh(now=None).floor.unchanged == 0
    polls = 0
    with refused("is expired"):
        for polls in range(1, 100):
            assert device.refresh(now=None, elapsed_s=HOUR.total_seconds()).floor.unchanged == polls
    assert polls == LIFETIMES.timestamp / HOUR


def test_hours_count_although_the_server_is_away_or_refused(shop: Shop, device: Device) -> None:
    device.refresh(now=None)
    device.line.lies["timestamp.json"] = lambda truth: iter([b"no"])
    for _ in range(49):
        with refused("Deserialization"):
            device.refresh(now=None, elapsed_s=HOUR.total_seconds())
    device.line.lies.clear()
    with refused("is expired"):
        device.refresh(now=None)


def test_what_was_signed_later_tells_the_time(shop: Shop, device: Device) -> None:
    """A replayed timestamp is refused as expired by one that was seen, even where every count was lost."""
    old = dict(shop.files.files)
    later = NOW + LIFETIMES.timestamp + HOUR
    shop.repository.publish(later)
    assert device.refresh(now=None).floor.time == later
    for path in (device.folder / "metadata").glob("*.json"):
        path.unlink()
    shop.files.files = old
    with refused("is expired"):
        device.refresh(now=None)


@pytest.mark.parametrize("clock", [EPOCH, NOW - 1000 * DAY], ids=["1970", "behind"])
def test_a_clock_that_is_behind_counts_as_none(shop: Shop, device: Device, clock: datetime) -> None:
    device.refresh()
    assert device.refresh(clock).reference == NOW


def test_a_clock_that_is_ahead_does_no_lasting_harm(shop: Shop, device: Device) -> None:
    with refused("is expired; it is 2060"):
        device.refresh(NOW.replace(year=2060))
    assert device.refresh(NOW).reference == NOW


@pytest.mark.parametrize("text", ["yesterday", 7, "2030-13-01T00:00:00Z"])
def test_a_signed_time_that_is_none_is_refused(shop: Shop, device: Device, text: object) -> None:
    shop.forge({Timestamp.type: lambda t: t.unrecognized_fields.update({"x-slipway-signed-at": text})}, seal=False)
    with refused("x-slipway-signed-at"):
        device.refresh()


def test_a_timestamp_without_a_signed_time_is_good(shop: Shop, device: Device) -> None:
    shop.forge({Timestamp.type: lambda t: t.unrecognized_fields.clear()}, seal=False)
    assert device.refresh().floor.time == EPOCH


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("ran"), st.floats(-1e12, 1e12)),
            st.tuples(st.just("seen"), st.datetimes(timezones=st.just(NOW.tzinfo))),
        ),
        max_size=20,
    )
)
def test_the_floor_only_rises(steps: list[tuple[str, float | datetime]]) -> None:
    floor = Floor()
    for _, value in steps:
        before = floor
        if isinstance(value, datetime):
            floor = floors.seen(floor, counter=floor.counter + 1, keys=("a",), signed=value)
        else:
            floor = floors.ran(floor, value)
        assert floor.time >= before.time and floor.counter >= before.counter


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"time_s": 1e999, "counter": 0, "keys": [], "unchanged": 0}'])
def test_a_damaged_floor_is_a_new_one(shop: Shop, device: Device, data: bytes) -> None:
    (device.folder / floors.FILE).write_bytes(data)
    assert floors.read(device.folder) == Floor()
    assert device.refresh(now=None).floor.time == NOW
