"""Everything from outside has a limit: endless, oversized, cut and garbled answers, wrong lengths and hashes."""

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tuf.api.metadata import Targets

from service.trust import entries
from slipway.errors import Reason, Refused
from slipway.trust import names, refusals
from tests.slipway.trust.attacks import refused, trusted
from tests.slipway.trust.shop import ADAPTERS, ROVER, Device, Shop

LIMIT_BYTES = {
    "2.root.json": 512_000,
    "timestamp.json": 16_384,
    ".snapshot.json": None,  # what the timestamp says
    ".targets.json": None,  # what the snapshot says
    "rover.json": None,
}


@pytest.mark.parametrize("end", LIMIT_BYTES)
def test_endless_data(shop: Shop, device: Device, end: str) -> None:
    sent = 0

    def endless(truth: bytes) -> Iterator[bytes]:
        nonlocal sent
        for piece in repeat(b" " * 4096):
            sent += len(piece)
            yield piece

    device.line.lies[end] = endless
    with refused("exceeding the maximum allowed length"):
        device.refresh().bundle(f"{ROVER}/2")
    assert sent <= (LIMIT_BYTES[end] or 8192) + 4096


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", ADAPTERS])
def test_a_file_that_was_promised_and_is_not_there(shop: Shop, device: Device, role: str) -> None:
    del shop.files.files[names.metadata_name(role, shop.of(role).signed.version)]
    with refused("lacks a file that it promised"):
        device.refresh().bundle(f"{ROVER}/2")


def test_an_endless_target_ends_at_its_signed_length(shop: Shop, device: Device, tmp_path: Path) -> None:
    view = device.refresh()
    bundle = view.bundle(f"{ROVER}/1")
    device.line.lies[".1.slipway"] = lambda truth: repeat(b"x" * 4096)
    with pytest.raises(Refused) as refusal:
        view.fetch(bundle, tmp_path / "part")
    assert refusal.value.reason is Reason.DOWNLOAD_INVALID
    assert (tmp_path / "part").stat().st_size <= bundle.size_bytes


@pytest.mark.parametrize("end", ["timestamp.json", ".snapshot.json", ".targets.json", "rover.json", "2.root.json"])
@pytest.mark.parametrize(
    "lie",
    [
        lambda truth: iter([truth[: len(truth) // 2]]),
        lambda truth: iter([]),
        lambda truth: iter([b"\xff" * 100]),
        lambda truth: iter([b"[" * 2000]),
        lambda truth: iter([b"null"]),
        lambda truth: iter([b'{"signed": {"_type": "timestamp"}, "signatures": []}']),
        lambda truth: iter([b'{"signed": 7, "signatures": 7}']),
    ],
    ids=["cut", "empty", "no text", "deep", "null", "empty role", "numbers"],
)
def test_garbled_metadata(device: Device, end: str, lie: object) -> None:
    device.line.lies[end] = lie  # type: ignore[assignment]
    with refused("."):
        device.refresh().bundle(f"{ROVER}/2")
    device.line.lies.clear()
    assert device.refresh().bundle(f"{ROVER}/2")


@settings(max_examples=40)
@given(data=st.data())
def test_one_changed_byte_anywhere_is_refused_or_means_nothing(tmp_path_factory, data: st.DataObject) -> None:
    """Whatever changes on the way, what a device ends up with is what was signed."""
    shop = _SHOP
    device = Device(tmp_path_factory.mktemp("device"), shop)
    end = data.draw(st.sampled_from(["timestamp.json", ".snapshot.json", ".targets.json", "rover.json"]))
    at, bit = data.draw(st.integers(0, 10_000)), data.draw(st.integers(0, 7))

    def flipped(truth: bytes) -> Iterator[bytes]:
        place = at % len(truth)
        yield truth[:place] + bytes([truth[place] ^ 1 << bit]) + truth[place + 1 :]

    device.line.lies[end] = flipped
    try:
        bundle = device.refresh().bundle(f"{ROVER}/2")
    except Refused:
        return
    assert bundle.sha256 == entries.content_of(shop.adapted).sha256


_SHOP = Shop()


@pytest.mark.parametrize("change", [b"!", b"", b"longer than it was"], ids=["hash", "short", "long"])
def test_repository_substitutes_target_file(shop: Shop, device: Device, tmp_path: Path, change: bytes) -> None:
    view = device.refresh()
    bundle = view.bundle(f"{ROVER}/1")
    device.line.lies[".1.slipway"] = lambda truth: iter([truth[:-1] + change])
    with pytest.raises(Refused) as refusal:
        view.fetch(bundle, tmp_path / "part")
    assert refusal.value.reason in (Reason.BUNDLE_HASH_MISMATCH, Reason.DOWNLOAD_INVALID)
    device.line.lies.clear()
    view.fetch(bundle, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == shop.base


def test_a_signed_target_that_the_server_lacks_is_refused(shop: Shop, device: Device, tmp_path: Path) -> None:
    view = device.refresh()
    bundle = view.bundle(f"{ROVER}/1")
    shop.forge({Targets.type: lambda signed: signed.targets.clear()})
    with refused("which is signed", field=refusals.TARGET):
        view.fetch(bundle, tmp_path / "part")


@pytest.mark.parametrize(
    "change, words",
    [
        ({"custom": None}, "has no description"),
        ({"custom": {"kind": "delta"}}, "not the bundle of"),
        ({"custom": {"kind": "bundle", "version": f"{ROVER}/1", "serial": 2}}, "not the bundle of"),
        ({"custom": {"kind": "bundle", "version": f"{ROVER}/2", "serial": -1}}, "the serial of"),
        ({"custom": {"kind": "bundle", "version": f"{ROVER}/2", "serial": True}}, "the serial of"),
        ({"custom": {"kind": "bundle", "version": f"{ROVER}/2"}}, "the serial of"),
    ],
)
def test_an_entry_that_says_something_else_is_refused(
    shop: Shop, device: Device, change: dict[str, object], words: str
) -> None:
    path = names.adapted_path(f"{ROVER}/2")
    shop.forge({ADAPTERS: lambda signed: signed.targets[path].unrecognized_fields.update(change)})
    with refused(words, field=refusals.TARGET):
        device.refresh().bundle(f"{ROVER}/2")


@pytest.mark.parametrize(
    "field, value", [("length", 1 << 40), ("hashes", {"sha512": "0" * 128}), ("hashes", {"sha256": "../../etc"})]
)
def test_an_entry_of_an_impossible_file_is_refused(shop: Shop, device: Device, field: str, value: object) -> None:
    path = names.adapted_path(f"{ROVER}/2")
    shop.forge({ADAPTERS: lambda signed: setattr(signed.targets[path], field, value)})
    with pytest.raises(Refused, match=r"SHA-256|limit"):
        device.refresh().bundle(f"{ROVER}/2")


@pytest.mark.parametrize(
    "change, words",
    [
        ({"base_sha256": "1" * 64}, "no delta from"),
        ({"result_sha256": "1" * 64}, "another file"),
        ({"kind": "x"}, "no delta"),
    ],
)
def test_a_delta_that_leads_elsewhere_is_refused(
    shop: Shop, device: Device, change: dict[str, object], words: str
) -> None:
    held = entries.content_of(shop.base).sha256
    path = names.delta_path(names.adapted_path(f"{ROVER}/2"), held)
    shop.forge({ADAPTERS: lambda signed: signed.targets[path].custom.update(change)})
    view = device.refresh()
    with refused(words, field=refusals.TARGET):
        view.delta(view.bundle(f"{ROVER}/2"), [held])


def test_a_chain_of_roots_has_an_end(shop: Shop, device: Device) -> None:
    """Nothing is believed of roots that do not follow on; what is trusted stays."""
    device.refresh()
    before = trusted(device)
    device.line.lies["root.json"] = lambda truth: iter([shop.root])
    with refused("BadVersionNumber"):
        device.refresh()
    assert trusted(device) == before
