"""A gateway that lies. Whoever owns it owns its disk: lies about metadata are planted there, and a gateway serves them.

What it withholds is noticed by the clock; what it forges, mixes or takes from yesterday is refused.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.errors import Reason, Refused
from slipway.gateway.node import Setup
from slipway.transport import ask, read_stream
from slipway.trust.pieces import PieceSource
from slipway.v1 import updates_pb2 as pb
from tests.slipway.edge.repository import Served
from tests.slipway.gateway.site import Above, Device, sha
from tests.slipway.trust.shop import NOW, ROVER, Shop
from tests.slipway.trust.shop import Device as TrustingDevice


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def above(shop: Shop) -> Above:
    made = Above(shop.mirror)
    made.targets.update(shop.blobs)
    return made


@pytest.fixture
def trusting(shop: Shop, tmp_path: Path) -> TrustingDevice:
    folder = tmp_path / "device"
    folder.mkdir()
    return TrustingDevice(folder, shop)


@pytest.fixture
def source(device: Device) -> PieceSource:
    """The gateway, as a device's trust code sees it."""
    return source_of(device)


def source_of(device: Device) -> PieceSource:
    updates = device.updates

    def metadata(name: str) -> bytes:
        return ask(updates.GetRepositoryFile, pb.GetRepositoryFileRequest(name=name), "gateway").content

    def pieces(sha256: str, offset: int) -> Iterator[tuple[int, bytes]]:
        request = pb.DownloadTargetRequest(sha256=sha256, read_offset=offset)
        return ((piece.offset, piece.data) for piece in read_stream(updates.DownloadTarget, request, "gateway"))

    return PieceSource(metadata, pieces)


@contextmanager
def disk(setup: Setup) -> Iterator[sqlite3.Connection]:
    """The gateway's ledger in the hands of whoever owns it."""
    connection = sqlite3.connect(setup.folder / "gateway.sqlite")
    with connection:
        yield connection
    connection.close()


def plant(setup: Setup, name: str, content: bytes) -> None:
    with disk(setup) as connection:
        row = (name, content, len(content), time.time_ns() // 1000)
        connection.execute("INSERT OR REPLACE INTO files VALUES (?,?,?,?)", row)


def refused(call: Callable[[], object], words: str | None = None) -> Reason:
    with pytest.raises(Refused, match=words) as refusal:
        call()
    return refusal.value.reason


def test_an_honest_one(trusting: TrustingDevice, source: PieceSource, shop: Shop, tmp_path: Path) -> None:
    view = trusting.refresh(source=source)
    view.fetch(view.bundle(f"{ROVER}/2"), tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == shop.adapted


def test_wrong_bytes(
    trusting: TrustingDevice, shop: Shop, above: Above, served: Served, connect: Callable[..., Device], tmp_path: Path
) -> None:
    source = source_of(connect(served))  # our gateway would heal itself: this one is a program of its own
    view = trusting.refresh(source=source)
    bundle = view.bundle(f"{ROVER}/1")
    above.targets[bundle.sha256] = b"!" + shop.base[1:]
    assert refused(lambda: view.fetch(bundle, tmp_path / "part")) is Reason.BUNDLE_HASH_MISMATCH
    above.targets[bundle.sha256] = shop.base + b"and more"
    assert refused(lambda: view.fetch(bundle, tmp_path / "part")) is Reason.DOWNLOAD_INVALID
    above.targets[bundle.sha256] = shop.base[:-1]
    assert refused(lambda: view.fetch(bundle, tmp_path / "part")) is Reason.DOWNLOAD_INVALID
    above.targets[bundle.sha256] = shop.base
    view.fetch(bundle, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == shop.base


def test_metadata_of_its_own(trusting: TrustingDevice, source: PieceSource, shop: Shop, setup: Setup) -> None:
    forged = shop.of("timestamp")
    forged.signed.version += 1
    plant(setup, "metadata/timestamp.json", forged.to_bytes())
    assert refused(lambda: trusting.refresh(source=source)) is Reason.METADATA_REFUSED


def test_yesterday(trusting: TrustingDevice, source: PieceSource, shop: Shop, setup: Setup) -> None:
    yesterday = shop.files.files["metadata/timestamp.json"]
    shop.repository.publish(NOW)
    plant(setup, "metadata/timestamp.json", shop.files.files["metadata/timestamp.json"])
    trusting.refresh(source=source)
    plant(setup, "metadata/timestamp.json", yesterday)
    assert refused(lambda: trusting.refresh(source=source), "timestamp") is Reason.METADATA_REFUSED


def test_a_mixture(trusting: TrustingDevice, source: PieceSource, shop: Shop, setup: Setup) -> None:
    old = shop.of("snapshot")
    shop.repository.publish(NOW)
    plant(setup, f"metadata/{shop.of('snapshot').signed.version}.snapshot.json", old.to_bytes())
    assert refused(lambda: trusting.refresh(source=source)) is Reason.METADATA_REFUSED


def test_a_freeze_is_noticed_by_the_clock(trusting: TrustingDevice, source: PieceSource, served: Served) -> None:
    trusting.refresh(source=source)
    served.stop()  # to the device it is the same whether the gateway cannot or will not
    trusting.refresh(source=source, now=NOW + timedelta(days=1))
    assert refused(lambda: trusting.refresh(source=source, now=NOW + timedelta(days=3))) is Reason.METADATA_EXPIRED


def test_metadata_without_end(trusting: TrustingDevice, source: PieceSource, setup: Setup) -> None:
    plant(setup, "metadata/timestamp.json", b" " * (1 << 20))
    assert refused(lambda: trusting.refresh(source=source)) is Reason.METADATA_REFUSED


def test_an_offer_that_nobody_signed(
    trusting: TrustingDevice, source: PieceSource, device: Device, above: Above, served: Served, setup: Setup
) -> None:
    above.publish("models/rover", 2, b"any")
    device.offer("models/rover")
    forged = pb.UpdateMetadata(version=f"{ROVER}/9", serial=99, target=pb.Target(sha256=sha(b"evil"), size_bytes=4))
    (setup.folder / "targets" / sha(b"evil")).write_bytes(b"evil")
    with disk(setup) as connection:
        connection.execute("UPDATE offers SET answer = ?", (forged.SerializeToString(),))
    view = trusting.refresh(source=source)
    view.bundle(f"{ROVER}/2")  # all metadata has passed
    served.stop()
    offer = device.offer("models/rover")
    assert offer == forged, "the gateway says what it likes"
    assert refused(lambda: view.bundle(offer.version)) is Reason.TARGET_NOT_SIGNED
