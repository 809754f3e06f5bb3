"""What a device gets: the signed bundle, the signed delta, whole and checked, from any byte on."""

from pathlib import Path

import pytest
from tuf.api.metadata import Metadata

from service.trust import roles
from slipway.delta import codec
from slipway.errors import Reason, Refused
from slipway.transport import ServerUnreachable
from slipway.trust import refusals
from slipway.trust.root import enrol
from slipway.trust.target import rebuild
from slipway.trust.view import refresh
from tests.slipway.trust.shop import ADAPTERS, DAY, NOW, ROVER, Device, Shop, content_of


def test_a_base_and_an_adapted_version_arrive(shop: Shop, device: Device, tmp_path: Path) -> None:
    view = device.refresh()
    for number, data in ((1, shop.base), (2, shop.adapted)):
        bundle = view.bundle(f"{ROVER}/{number}")
        assert (bundle.size_bytes, bundle.serial) == (len(data), number)
        view.fetch(bundle, tmp_path / f"{number}")
        assert (tmp_path / f"{number}").read_bytes() == data


def test_a_delta_arrives_and_makes_the_signed_bundle(shop: Shop, device: Device, tmp_path: Path) -> None:
    view = device.refresh()
    bundle = view.bundle(f"{ROVER}/2")
    delta = view.delta(bundle, ["0" * 64, content_of(shop.base).sha256])
    assert delta is not None and delta.size_bytes < len(shop.adapted) / 10
    view.fetch(delta, tmp_path / "delta")
    assert rebuild(bundle, shop.base, (tmp_path / "delta").read_bytes()) == shop.adapted
    assert view.delta(bundle, ["0" * 64]) is None


def test_a_delta_that_makes_anything_else_is_refused(shop: Shop, device: Device) -> None:
    bundle = device.refresh().bundle(f"{ROVER}/2")
    other = shop.adapted[:-1] + b"!"
    with pytest.raises(Refused) as refusal:
        rebuild(bundle, shop.base, codec.make(shop.base, other))
    assert refusal.value.reason is Reason.BUNDLE_HASH_MISMATCH


def test_only_what_is_new_is_asked_for(shop: Shop, device: Device) -> None:
    device.refresh().bundle(f"{ROVER}/2")
    device.line.asked.clear()
    device.refresh().bundle(f"{ROVER}/2")
    assert device.line.asked == [("metadata/2.root.json", 0), ("metadata/timestamp.json", 0)]
    assert device.version(ADAPTERS) == shop.state.targets[ADAPTERS].signed.version


@pytest.mark.parametrize("version", [f"{ROVER}/3", "models/other/versions/1"])
def test_a_version_that_nobody_signed_is_refused(device: Device, version: str) -> None:
    with pytest.raises(Refused) as refusal:
        device.refresh().bundle(version)
    assert refusal.value.reason is Reason.TARGET_NOT_SIGNED and version in refusal.value.message


@pytest.mark.parametrize("version", ["models/rover/versions/../1", "rover/1", "models/rover/versions/01", ""])
def test_what_is_no_version_is_refused_before_anything_is_asked(device: Device, version: str) -> None:
    view = device.refresh()
    device.line.asked.clear()
    with pytest.raises(Refused) as refusal:
        view.bundle(version)
    assert refusal.value.field == "version" and not device.line.asked


@pytest.mark.parametrize("stop", [0, 1, 999, 1000, 20_000, 43_999])
def test_a_download_goes_on_at_the_byte_where_it_broke(shop: Shop, device: Device, tmp_path: Path, stop: int) -> None:
    def breaking(truth: bytes):
        yield truth[:stop]
        raise ServerUnreachable("the server", "the line broke")

    view = device.refresh()
    bundle = view.bundle(f"{ROVER}/1")
    device.line.lies[".1.slipway"] = breaking
    with pytest.raises(ServerUnreachable):
        view.fetch(bundle, tmp_path / "part")
    assert (tmp_path / "part").stat().st_size == stop
    device.line.lies.clear()
    view.fetch(bundle, tmp_path / "part")
    assert device.line.asked[-1][1] == stop and (tmp_path / "part").read_bytes() == shop.base


def test_a_broken_line_is_no_verdict_on_the_metadata(device: Device) -> None:
    def broken(truth: bytes):
        raise ServerUnreachable("the server", "the line broke")
        yield truth

    device.line.lies["timestamp.json"] = broken
    with pytest.raises(ServerUnreachable):
        device.refresh()
    device.line.lies.clear()
    device.refresh()


@pytest.mark.parametrize("left", [b"", b"{", bytes(500)], ids=["empty", "cut", "zeros"])
def test_whatever_a_power_cut_leaves_the_device_goes_on(shop: Shop, device: Device, left: bytes) -> None:
    """python-tuf does not wait for the disk: any of its files may be damaged, and a temporary one be left."""
    device.refresh().bundle(f"{ROVER}/2")
    root = roles.sign(roles.next_of(shop.state.root, NOW + 9 * DAY), *shop.signers["root"])
    shop.repository.publish(NOW, root=root)
    device.refresh()
    files = [path for path in (device.folder / "metadata").rglob("*.json") if not path.is_symlink()]
    assert len(files) == 6
    for path in files:
        path.write_bytes(left)
        (device.folder / "metadata" / "tmpabc").write_bytes(left)
        assert device.refresh().bundle(f"{ROVER}/2")
        assert not list((device.folder / "metadata").glob("tmp*"))
    (device.folder / "metadata" / "root.json").unlink()
    assert device.refresh().root_version == 2


def test_fields_of_later_times_do_no_harm(shop: Shop, device: Device) -> None:
    """tuf-conformance's custom fields: they are signed, and not understood."""
    root = roles.next_of(shop.state.root, NOW + 9 * DAY)
    root.signed.unrecognized_fields["custom-field"] = {"a": 1}
    root.signed.roles["root"].unrecognized_fields["another"] = "value"
    shop.repository.publish(NOW, root=roles.sign(root, *shop.signers["root"]))
    assert device.refresh().root_version == 2


def test_a_device_is_enrolled_once(shop: Shop, device: Device) -> None:
    enrol(device.folder, shop.root)
    with pytest.raises(Refused, match="pins another root already"):
        enrol(device.folder, Shop(lifetimes=shop.lifetimes).root + b" ")


@pytest.mark.parametrize("root", [b"", b"{}", b"[" * 5000, b"x" * 600_000], ids=["empty", "no root", "deep", "long"])
def test_what_is_no_root_is_not_pinned(shop: Shop, tmp_path: Path, root: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        Device(tmp_path, shop, root)
    assert refusal.value.field == refusals.ROOT


def test_a_root_without_enough_signatures_is_not_pinned(shop: Shop, tmp_path: Path) -> None:
    root = Metadata.from_bytes(shop.root)
    root.signatures.popitem()
    with pytest.raises(Refused, match="1/2"):
        Device(tmp_path, shop, root.to_bytes())
    root = Metadata.from_bytes(shop.files.files["metadata/1.targets.json"])
    with pytest.raises(Refused, match="metadata of targets"):
        enrol(tmp_path, root.to_bytes())


def test_a_device_that_was_not_enrolled_trusts_nothing(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="enrol the device first"):
        refresh(tmp_path, shop.mirror, now=NOW)
