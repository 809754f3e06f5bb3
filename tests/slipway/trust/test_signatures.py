"""Who may sign what: thresholds, rotations, delegations; after tuf-conformance's cases of keys and key rotations."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import DelegatedRole, Metadata, Root, Snapshot, Targets, Timestamp

from service.trust import entries, roles, rotation
from slipway.trust import names, refusals
from tests.slipway.trust.attacks import nothing, refused, trusted
from tests.slipway.trust.shop import ADAPTER, ADAPTERS, DAY, GATE, NOW, ROVER, TARGETS_KEY, Device, Shop, key

KEYS = [key(f"key {number}") for number in range(10)]

# (keys, threshold, who signs) of each root after the first; whether the device follows to the last one
ROOT_CHAINS = {
    "1-of-1 rotation": ([([1], 1, [1]), ([2], 1, [2, 1]), ([2], 1, [2])], True),
    "1-of-1 rotation, unused signatures": ([([1], 1, [3, 1, 4]), ([2], 1, [3, 2, 1, 4]), ([2], 1, [3, 2, 4])], True),
    "3-of-5, other keys sign": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 2, 3, 4], 3, [0, 4, 1])], True),
    "3-of-5, one rotated": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 1])], True),
    "3-of-5, all rotated": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7])], True),
    "threshold raised": ([([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [1, 2])], True),
    "threshold lowered": ([([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1, 2]), ([1, 2, 3], 1, [1])], True),
    "a key and the threshold added": ([([1], 1, [1]), ([1, 2], 2, [1, 2])], True),
    "not signed with the old key": ([([1], 1, [1]), ([2], 1, [2, 3, 4])], False),
    "not signed with the new key": ([([1], 1, [1]), ([2], 1, [1, 3, 4])], False),
    "3-of-5, not three new keys": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 2, 4])], False),
    "3-of-5, not three old keys": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 5])], False),
    "raised threshold not reached": ([([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [2])], False),
    "lowered threshold, old one not reached": ([([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1])], False),
}


@pytest.mark.parametrize("chain", ROOT_CHAINS.values(), ids=ROOT_CHAINS)
def test_root_rotation(shop: Shop, tmp_path: Path, chain: tuple[list[tuple[list[int], int, list[int]]], bool]) -> None:
    versions, good = chain
    for number, (held, threshold, signing) in enumerate(versions, 1):
        public = [KEYS[each].public_key for each in held]
        root = rotation.with_keys(shop.state.root, Root.type, public, threshold, NOW + 365 * DAY)
        root.signed.version = number
        root = roles.sign(root, *(KEYS[each] for each in signing))
        shop.files.put(names.metadata_name(Root.type, number), root.to_bytes())
    device = Device(tmp_path, shop)
    if good:
        assert device.refresh().root_version == len(versions)
    else:
        with refused("UnsignedMetadata"):
            device.refresh()
        assert device.version(Root.type) == len(versions) - 1


@pytest.mark.parametrize(
    "threshold, signing, good", [(2, [0, 1], True), (2, [0, 0], False), (2, [0, 5], False), (3, [0, 1], False)]
)
@pytest.mark.parametrize("role", [Targets.type, ADAPTERS])
def test_thresholds_of_signing_roles(
    shop: Shop, device: Device, role: str, threshold: int, signing: list[int], good: bool
) -> None:
    """``signing``: indices into KEYS; 0 to 2 belong to the role."""
    held = [KEYS[each].public_key for each in range(3)]
    shop.signers[role] = [KEYS[each] for each in signing]
    if role == Targets.type:
        root = rotation.with_keys(shop.state.root, role, held, threshold, NOW + 365 * DAY)
        shop.forge({Root.type: lambda signed: signed.__dict__.update(root.signed.__dict__), role: nothing})
    else:
        shop.forge({Targets.type: lambda targets: _delegated(targets, held, threshold), role: nothing})
    if good:
        assert device.refresh().bundle(f"{ROVER}/2")
    else:
        with refused("UnsignedMetadata"):
            device.refresh().bundle(f"{ROVER}/2")


def _delegated(targets: Any, held: list[Any], threshold: int) -> None:
    role = DelegatedRole(ADAPTERS, [], threshold, True, names.patterns("rover"))
    targets.delegations.roles[ADAPTERS] = role
    for each in held:
        targets.add_key(each, ADAPTERS)


@pytest.mark.parametrize(
    "signing",
    [[], [ADAPTER], [GATE], [ADAPTER, ADAPTER], [GATE, key("another")], [ADAPTER, TARGETS_KEY]],
    ids=["nobody", "adapter alone", "gate alone", "adapter twice", "gate and a stranger", "adapter and the base's key"],
)
def test_adapter_and_gate_have_to_sign_both(shop: Shop, device: Device, signing: list[Any]) -> None:
    """A version that the gate has not signed cannot be installed, whatever the adapter's and the online keys sign."""
    evil = shop.version(3, b"not checked by any gate")
    shop.signers[ADAPTERS] = signing
    shop.forge({ADAPTERS: lambda signed: signed.targets.update(entries.adapted_entries(evil))})
    view = device.refresh()
    for number in (2, 3):
        with refused("UnsignedMetadata"):
            view.bundle(f"{ROVER}/{number}")
    assert view.bundle(f"{ROVER}/1")
    shop.signers[ADAPTERS] = [ADAPTER, GATE]
    shop.forge({ADAPTERS: nothing})
    assert device.refresh().bundle(f"{ROVER}/2")


@pytest.mark.parametrize("role", [Timestamp.type, Snapshot.type, Targets.type, ADAPTERS])
@pytest.mark.parametrize("spoil", ["unsigned", "bad signature", "of another role"])
def test_unsigned_metadata(shop: Shop, device: Device, role: str, spoil: str) -> None:
    device.refresh()
    before = device.version(role)
    shop.forge({ADAPTERS: nothing, Targets.type: nothing})
    name = names.metadata_name(role, shop.of(role).signed.version)
    metadata = Metadata.from_bytes(shop.files.files[name])
    if spoil == "unsigned":
        metadata.signatures.clear()
    elif spoil == "bad signature":
        first = next(iter(metadata.signatures.values()))
        first.signature = first.signature[:-1] + ("0" if first.signature[-1] != "0" else "1")
    else:
        metadata.sign(key("stranger"))
    shop.files.files[name] = metadata.to_bytes()
    _seal(shop, role, metadata)
    with refused("UnsignedMetadata"):
        device.refresh().bundle(f"{ROVER}/2")
    assert device.version(role) == before


def _seal(shop: Shop, role: str, metadata: Metadata[Any]) -> None:
    """Let snapshot and timestamp tell of a file as it stands, so that its hash is right."""
    meta = shop.state.timestamp.signed.snapshot_meta
    if role in (Targets.type, ADAPTERS):
        made = meta.from_data(metadata.signed.version, metadata.to_bytes(), ["sha256"])
        shop.forge({Snapshot.type: lambda signed: signed.meta.update({f"{role}.json": made})}, seal=False)
        number = shop.state.snapshot.signed.version + 1
        metadata = Metadata.from_bytes(shop.files.files[names.metadata_name(Snapshot.type, number)])
    if role != Timestamp.type:
        made = meta.from_data(metadata.signed.version, metadata.to_bytes(), ["sha256"])
        shop.forge({Timestamp.type: lambda signed: setattr(signed, "snapshot_meta", made)}, seal=False)


def _in_role(role: str, make: Callable[[Any], Any]) -> Callable[[Shop], None]:
    def attack(shop: Shop) -> None:
        new = shop.version(7, b"evil")
        shop.forge({role: lambda signed: signed.targets.update(make(new))})

    return attack


def test_a_delegated_role_signs_no_base_model(shop: Shop, device: Device) -> None:
    """Both keys of the adapters together cannot put a base version in place of a signed one, or a new one."""
    _in_role(ADAPTERS, entries.base_entries)(shop)
    changed = shop.version(1, b"evil")
    shop.forge({ADAPTERS: lambda signed: signed.targets.update(entries.base_entries(changed))})
    view = device.refresh()
    assert view.bundle(f"{ROVER}/1").sha256 == entries.content_of(shop.base).sha256
    with refused("no role has signed it", field=refusals.TARGET):
        view.bundle(f"{ROVER}/7")


def test_a_delegated_role_signs_nothing_of_another_model(shop: Shop, device: Device) -> None:
    """Models with keys of their own: the rover's adapter and gate cannot reach the walker."""
    shop.add_model("walker")
    walker = entries.NewVersion("models/walker/versions/2", 2, shop.version(9, b"evil").bundle)
    shop.forge({ADAPTERS: lambda signed: signed.targets.update(entries.adapted_entries(walker))})
    with refused("no role has signed it", field=refusals.TARGET):
        device.refresh().bundle("models/walker/versions/2")


def test_a_delegated_role_delegates_nothing_further_than_it_may(shop: Shop, device: Device) -> None:
    """Trust does not grow on the way: what a role delegates stays inside its own paths."""

    def delegate(signed: Any) -> None:
        draft = rotation.with_model(Metadata(signed), "rover", key("evil a").public_key, key("evil b").public_key, NOW)
        signed.delegations = draft.signed.delegations
        signed.delegations.roles[ADAPTERS].paths = ["models/*/base/*.slipway"]

    shop.forge({ADAPTERS: delegate})
    view = device.refresh()
    with refused("no role has signed it", field=refusals.TARGET):
        view.bundle(f"{ROVER}/7")


def test_a_role_that_was_delegated_without_metadata_is_refused(shop: Shop, device: Device) -> None:
    def delegate(signed: Any) -> None:
        draft = rotation.with_model(Metadata(signed), "walker", ADAPTER.public_key, GATE.public_key, NOW)
        signed.delegations = draft.signed.delegations

    shop.forge({Targets.type: delegate})
    with refused("not part of snapshot"):
        device.refresh().bundle("models/walker/versions/1")


def test_rotated_adapter_keys_take_over_and_the_old_ones_end(shop: Shop, device: Device) -> None:
    device.refresh().bundle(f"{ROVER}/2")
    before = trusted(device)[ADAPTERS]
    other = [key("adapter 2"), key("gate 2")]
    targets = rotation.with_model(shop.state.base, "rover", *(each.public_key for each in other), NOW + DAY)
    renewed = roles.next_of(shop.state.targets[ADAPTERS], NOW + DAY)
    drafts = {Targets.type: roles.sign(targets, TARGETS_KEY), ADAPTERS: roles.sign(renewed, *other)}
    shop.repository.publish(NOW, targets=drafts)
    assert device.refresh().bundle(f"{ROVER}/2") and device.version(ADAPTERS) == before + 1
    shop.signers[Targets.type], shop.signers[ADAPTERS] = [TARGETS_KEY], [ADAPTER, GATE]
    shop.forge({ADAPTERS: nothing})
    with refused("UnsignedMetadata"):
        device.refresh().bundle(f"{ROVER}/2")
