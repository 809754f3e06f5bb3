"""What is published is what a device would accept, and whole at every moment; the rest is refused, nothing written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from obstore.store import LocalStore
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from service.trust import entries, roles, rotation
from service.trust.files import StoredFiles
from service.trust.freshness import Online
from service.trust.repository import Repository, load
from slipway.errors import Reason, Refused
from slipway.trust import names
from slipway.trust.source import NotThere
from tests.slipway.trust.attacks import refused as seen_to_be_refused
from tests.slipway.trust.shop import (
    ADAPTER,
    ADAPTERS,
    DAY,
    GATE,
    NOW,
    ROOT_KEYS,
    ROVER,
    SNAPSHOT_KEY,
    TARGETS_KEY,
    TIMESTAMP_KEY,
    Device,
    Shop,
    key,
)

LATER = NOW + 30 * DAY


def refused(shop: Shop, words: str, **drafts: Any) -> None:
    """Publishing is refused, and nothing was written."""
    before = dict(shop.files.files)
    with pytest.raises(Refused, match=words):
        shop.repository.publish(NOW, **drafts)
    assert shop.files.files == before


def adapted(shop: Shop, number: int = 3) -> Metadata[Targets]:
    return roles.with_adapted(shop.state, shop.version(number, b"adapted anew"), LATER)


def test_the_layout_is_that_of_the_framework(shop: Shop) -> None:
    state = shop.state
    assert state.root.signed.consistent_snapshot and state.root.signed.roles[Root.type].threshold == 2
    assert len(state.root.signed.roles[Root.type].keyids) == 3
    role = state.base.signed.delegations.roles[ADAPTERS]
    assert (role.threshold, len(role.keyids), role.terminating) == (2, 2, True)
    assert set(state.base.signed.targets) == {"models/rover/base/1.slipway"}
    delta = f"models/rover/adapted/2/{entries.content_of(shop.base).sha256}.delta"
    assert set(state.targets[ADAPTERS].signed.targets) == {"models/rover/adapted/2.slipway", delta}
    assert all(role.is_delegated_path(path) for path in state.targets[ADAPTERS].signed.targets)
    assert state.targets[ADAPTERS].signed.targets[delta].custom == {
        "kind": "delta",
        "base_sha256": entries.content_of(shop.base).sha256,
        "result_sha256": entries.content_of(shop.adapted).sha256,
    }


@pytest.mark.parametrize("path", ["models/rover/base/1.slipway", "models/walker/adapted/1.slipway", "x.slipway"])
def test_a_role_publishes_only_its_own_paths(shop: Shop, path: str) -> None:
    draft = adapted(shop)
    draft.signed.targets[path] = draft.signed.targets["models/rover/adapted/3.slipway"]
    refused(shop, "may not sign this path", targets={ADAPTERS: roles.sign(draft, ADAPTER, GATE)})


@pytest.mark.parametrize(
    "signers", [[], [ADAPTER], [GATE], [ADAPTER, key("x")]], ids=["none", "adapter", "gate", "other"]
)
def test_both_keys_are_needed(shop: Shop, signers: list[Any]) -> None:
    refused(shop, "of 2 signatures", targets={ADAPTERS: roles.sign(adapted(shop), *signers)})


def test_signatures_may_come_one_after_the_other(shop: Shop) -> None:
    """The gate gets what the adapter has signed as bytes, sees what is new in it, and signs the same bytes."""
    from_adapter = roles.sign(adapted(shop), ADAPTER).to_bytes()
    draft: Metadata[Targets] = Metadata.from_bytes(from_adapter)
    assert list(roles.added(shop.state.targets[ADAPTERS], draft)) == ["models/rover/adapted/3.slipway"]
    shop.repository.publish(NOW, targets={ADAPTERS: roles.sign(draft, GATE)})
    assert "models/rover/adapted/3.slipway" in shop.state.targets[ADAPTERS].signed.targets
    renewal = roles.next_of(shop.state.targets[ADAPTERS], LATER)
    assert roles.added(shop.state.targets[ADAPTERS], renewal) == {}


def test_a_draft_on_an_older_state_is_refused(shop: Shop) -> None:
    draft = roles.sign(adapted(shop), ADAPTER, GATE)
    shop.repository.publish(NOW, targets={ADAPTERS: draft})
    refused(shop, "version 4 comes next", targets={ADAPTERS: draft})


def test_a_new_root_needs_the_old_roots_signatures(shop: Shop) -> None:
    fresh = [key(f"fresh {number}") for number in range(3)]
    root = rotation.with_keys(shop.state.root, Root.type, [each.public_key for each in fresh], 2, LATER)
    refused(shop, "not enough of those", root=roles.sign(root, *fresh))
    refused(shop, "not enough of those", root=roles.sign(root, *ROOT_KEYS))
    shop.repository.publish(NOW, root=roles.sign(root, *ROOT_KEYS[1:], *fresh[:2]))
    assert shop.state.root.signed.version == 2


def test_the_word_that_time_is_to_be_forgotten_stays_until_the_next_rotation(shop: Shop) -> None:
    """A device that was away for a root or two has to find it."""
    public = [key("new").public_key]
    root = rotation.with_keys(shop.state.root, Timestamp.type, public, 1, LATER, forget_time=True)
    assert root.signed.unrecognized_fields == {"x-slipway-forget-time": True}
    assert roles.next_of(root, LATER).signed.unrecognized_fields == root.signed.unrecognized_fields
    assert not rotation.with_keys(root, Timestamp.type, public, 1, LATER).signed.unrecognized_fields


@pytest.mark.parametrize("role", [Snapshot.type, Timestamp.type])
def test_a_server_without_the_right_online_keys_publishes_nothing(shop: Shop, role: str) -> None:
    keys = {Snapshot.type: SNAPSHOT_KEY, Timestamp.type: TIMESTAMP_KEY, role: key("wrong")}
    shop.repository = Repository(shop.files, Online(keys[Snapshot.type], keys[Timestamp.type]))
    refused(shop, role)


def test_rotated_target_keys_need_the_targets_signed_again(shop: Shop) -> None:
    other = key("targets 2")
    root = roles.sign(rotation.with_keys(shop.state.root, Targets.type, [other.public_key], 1, LATER), *ROOT_KEYS[:2])
    refused(shop, "targets", root=root)
    targets = roles.sign(roles.next_of(shop.state.base, LATER), other)
    shop.repository.publish(NOW, root=root, targets={Targets.type: targets})


def test_a_model_and_its_role_are_published_together(shop: Shop) -> None:
    draft = rotation.with_model(shop.state.base, "walker", ADAPTER.public_key, GATE.public_key, LATER)
    refused(shop, "published|missing", targets={Targets.type: roles.sign(draft, TARGETS_KEY)})


def test_adapter_and_gate_are_two(shop: Shop) -> None:
    with pytest.raises(Refused, match="1 different keys"):
        rotation.with_model(shop.state.base, "walker", ADAPTER.public_key, ADAPTER.public_key, LATER)


@pytest.mark.parametrize(
    "number, serial, field",
    [(3, 2, "serial"), (3, 0, "serial"), (3, 1 << 60, "serial"), (2, 3, "version"), (1, 3, "version")],
)
def test_serials_rise_and_versions_do_not_change(shop: Shop, number: int, serial: int, field: str) -> None:
    new = entries.NewVersion(f"{ROVER}/{number}", serial, shop.version(number, b"x").bundle)
    for draft in (roles.with_base, roles.with_adapted):
        with pytest.raises(Refused) as refusal:
            draft(shop.state, new, LATER)
        assert refusal.value.field == field


def test_nobody_adapts_a_model_that_targets_do_not_name(shop: Shop) -> None:
    new = entries.NewVersion("models/walker/versions/1", 1, shop.version(3, b"x").bundle)
    with pytest.raises(Refused, match="adapters/walker"):
        roles.with_adapted(shop.state, new, LATER)


def test_a_version_is_taken_back_with_its_deltas(shop: Shop, tmp_path: Path) -> None:
    device = Device(tmp_path, shop)
    assert device.refresh().bundle(f"{ROVER}/2")
    draft = roles.without(shop.state.targets[ADAPTERS], [f"{ROVER}/2"], LATER)
    assert not draft.signed.targets
    shop.repository.publish(NOW, targets={ADAPTERS: roles.sign(draft, ADAPTER, GATE)})
    with seen_to_be_refused("no role has signed it", field="target"):
        device.refresh().bundle(f"{ROVER}/2")


def test_a_role_can_be_ended(shop: Shop, tmp_path: Path) -> None:
    draft = roles.next_of(shop.state.targets[ADAPTERS], NOW - DAY)
    shop.repository.publish(NOW, targets={ADAPTERS: roles.sign(draft, ADAPTER, GATE)})
    with seen_to_be_refused("expired"):
        Device(tmp_path, shop).refresh().bundle(f"{ROVER}/2")


def test_renewal_changes_two_roles(shop: Shop) -> None:
    before = shop.state
    after = shop.repository.publish(NOW + DAY)
    assert after.timestamp.signed.expires == NOW + 3 * DAY
    assert after.timestamp.signed.version == before.timestamp.signed.version + 1
    assert after.root == before.root and after.targets == before.targets


def test_there_is_one_first_state(shop: Shop) -> None:
    with pytest.raises(Refused, match="a repository is there"):
        shop.repository.create(shop.state.root, shop.state.base, NOW)


def test_a_damaged_repository_says_which_file(shop: Shop) -> None:
    name = names.metadata_name(ADAPTERS, shop.state.targets[ADAPTERS].signed.version)
    for content in (b"{", None):
        if content is None:
            del shop.files.files[name]
        else:
            shop.files.files[name] = content
        with pytest.raises(Refused) as refusal:
            load(shop.files)
        assert refusal.value.reason is Reason.STORED_FILE_DAMAGED and refusal.value.details["expected"] == name


class Dies(Exception):
    """The power went."""


def change_everything(shop: Shop) -> None:
    """A publication that writes every kind of file, online keys rotated too."""
    shop.signers[Timestamp.type] = [key("timestamp 2")]
    root = rotation.with_keys(shop.state.root, Timestamp.type, [key("timestamp 2").public_key], 1, LATER)
    shop.hold(shop.lifetimes)
    targets = {
        Targets.type: roles.sign(roles.next_of(shop.state.base, LATER), TARGETS_KEY),
        ADAPTERS: roles.sign(adapted(shop), ADAPTER, GATE),
    }
    shop.repository.publish(NOW, root=roles.sign(root, *ROOT_KEYS[:2]), targets=targets)


def add_one(shop: Shop) -> None:
    shop.add_adapted(3, b"adapted anew", {})


@pytest.mark.parametrize("publish, writes, closed", [(add_one, 3, []), (change_everything, 5, [4])])
def test_a_publisher_that_dies_leaves_the_old_state_or_the_new(
    shop: Shop, tmp_path: Path, publish: Callable[[Shop], None], writes: int, closed: list[int]
) -> None:
    """After any number of writes a device accepts what it finds, and the next publication goes through.

    Between a root with new timestamp keys and the timestamp that they sign (``closed``) it refuses and waits.
    """
    for number in range(writes + 1):
        shop, (folder := tmp_path / f"{number}").mkdir() or None
        shop = Shop()
        left, put = number, shop.files.put

        def dying(name: str, content: bytes, put: Any = put) -> None:
            nonlocal left
            if left == 0:
                raise Dies
            left -= 1
            put(name, content)

        shop.files.put = dying  # type: ignore[method-assign]
        try:
            publish(shop)
            assert number >= writes
        except Dies:
            assert number < writes
        shop.files.put = put  # type: ignore[method-assign]
        device = Device(folder, shop)
        if number in closed:
            with seen_to_be_refused("UnsignedMetadata"):
                device.refresh()
        else:
            assert device.refresh().bundle(f"{ROVER}/2")
        if number < writes and number not in closed:
            publish(shop)
        else:
            shop.repository.publish(NOW)
        assert device.refresh().bundle(f"{ROVER}/2")


def test_a_folder_holds_it(shop: Shop, tmp_path: Path) -> None:
    """The same repository on a disk: published there, read by a device there, read again by another process's eyes."""
    stored = StoredFiles(LocalStore(tmp_path / "repository", mkdir=True))
    for name, content in shop.files.files.items():
        stored.put(name, content)
    repository = Repository(stored, shop.online)
    repository.publish(NOW, targets={ADAPTERS: roles.sign(adapted(shop), ADAPTER, GATE)})
    device = Device(tmp_path, shop)
    assert device.refresh(source=stored).bundle(f"{ROVER}/3")
    files = {str(path.relative_to(tmp_path / "repository")) for path in (tmp_path / "repository").rglob("*.*json")}
    assert "metadata/3.adapters/rover.json" in files and names.TIMESTAMP in files
    with pytest.raises(NotThere):
        next(stored.read("metadata/99.root.json", 0))


@pytest.mark.parametrize("name", ["../x", "metadata/../../x", "/etc/passwd", "metadata/.x", "x/y", "", "metadata/\0"])
def test_a_folder_is_not_left(tmp_path: Path, name: str) -> None:
    stored = StoredFiles(LocalStore(tmp_path / "repository", mkdir=True))
    for act in (lambda: stored.put(name, b""), lambda: stored.get(name)):
        with pytest.raises(Refused) as refusal:
            act()
        assert refusal.value.field == "name"


def test_blobs_that_nobody_signed_are_not_for_devices(shop: Shop) -> None:
    """Whoever knows the hash of a recording does not get it under a target's name."""
    secret = shop.version(9, b"a recording").bundle.sha256
    signed = names.target_name(names.base_path(f"{ROVER}/1"), entries.content_of(shop.base).sha256)
    assert shop.mirror.size(signed) == len(shop.base)
    stolen = [
        names.target_name(path, secret) for path in ("models/rover/base/1.slipway", "models/rover/base/9.slipway")
    ]
    for name in (*stolen, "metadata/../targets", "blobs/x", f"targets/{secret}"):
        for act in (lambda name=name: next(shop.mirror.read(name, 0)), lambda name=name: shop.mirror.size(name)):
            with pytest.raises(NotThere):
                act()
