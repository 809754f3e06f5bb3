"""Devices behind a gateway get what the server has; it sends each thing once, and may then go away."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from slipway.edge.remote import Remote
from slipway.gateway.node import Setup
from slipway.transport import ask
from slipway.trust.pieces import PieceSource
from slipway.v1 import updates_pb2 as pb
from tests.slipway.edge.repository import Served
from tests.slipway.gateway.site import ROOT, Above, Device, Gateway, changed, sha, wait_until
from tests.slipway.trust.shop import NOW, ROVER, Shop
from tests.slipway.trust.shop import Device as TrustingDevice

ONE, TWO = os.urandom(300_000), os.urandom(5_000)
Start, Connect = Callable[..., Gateway], Callable[..., Device]


def code(call: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as error:
        call()
    return str(error.value.code().name)


def test_a_target_comes_from_the_server_once_for_all(above: Above, gateway: Gateway, connect: Connect) -> None:
    sha256 = above.publish("models/m", 1, ONE)
    devices = [connect(gateway, f"d{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        offers = list(pool.map(lambda each: each.offer(), devices))
        assert all(offer.target.sha256 == sha256 for offer in offers)
        assert list(pool.map(lambda each: each.download(sha256), devices)) == [ONE] * 8
    assert above.downloads == [(sha256, 0)]


def test_devices_read_along_while_it_comes(above: Above, gateway: Gateway, connect: Connect) -> None:
    sha256 = above.publish("models/m", 1, ONE)
    above.gate = threading.Event()
    first, second = connect(gateway), connect(gateway)
    calls = [each.updates.DownloadTarget(pb.DownloadTargetRequest(sha256=sha256)) for each in (first, second)]
    begun = [next(call).data for call in calls]
    assert begun[0] == begun[1] == ONE[: above.piece_bytes], "before the second piece has come"
    above.gate.set()
    assert [data + b"".join(each.data for each in call) for data, call in zip(begun, calls, strict=True)] == [ONE] * 2
    assert above.downloads == [(sha256, 0)]


@pytest.mark.parametrize("offset, limit", [(0, 0), (0, 1), (1, 0), (299_999, 0), (300_000, 0), (1000, 270_000)])
def test_any_range(above: Above, device: Device, offset: int, limit: int) -> None:
    sha256 = above.publish("models/m", 1, ONE)
    wanted = ONE[offset : offset + limit if limit else None]
    assert device.download(sha256, offset, limit) == wanted, "as it comes"
    assert device.download(sha256, offset, limit) == wanted, "from the disk"


@pytest.mark.parametrize("offset, limit", [(300_001, 0), (-1, 0), (0, -1)])
def test_no_such_range(above: Above, device: Device, offset: int, limit: int) -> None:
    sha256 = above.publish("models/m", 1, ONE)
    assert code(lambda: device.download(sha256, offset, limit)) in ("OUT_OF_RANGE", "INVALID_ARGUMENT")


def test_it_goes_on_where_the_line_broke(above: Above, start: Start, connect: Connect) -> None:
    sha256 = above.publish("models/m", 1, ONE)
    above.break_after = 100_000
    gateway = start()
    device = connect(gateway)
    assert code(lambda: device.download(sha256)) == "UNAVAILABLE"
    gateway.stop()
    above.break_after = None
    assert connect(start()).download(sha256, 50_000) == ONE[50_000:]
    assert above.downloads == [(sha256, 0), (sha256, 100_000)]


def test_wrong_bytes_from_the_server_are_not_kept(above: Above, setup: Setup, device: Device) -> None:
    sha256 = above.publish("models/m", 1, ONE)
    above.targets[sha256] = ONE[:-1] + b"x"
    assert code(lambda: device.download(sha256)) == "DATA_LOSS"
    assert list((setup.folder / "targets").iterdir()) == []
    above.targets[sha256] = ONE
    assert device.download(sha256) == ONE


def test_a_disk_that_forgets_is_noticed(above: Above, setup: Setup, device: Device) -> None:
    sha256 = above.publish("models/m", 1, ONE)
    assert device.download(sha256) == ONE
    (setup.folder / "targets" / sha256).write_bytes(ONE[:-1] + b"x")
    assert device.download(sha256) != ONE, "the device sees it by the hash"
    wait_until(lambda: not (setup.folder / "targets" / sha256).exists())
    assert device.download(sha256) == ONE


def test_unknown_targets(above: Above, setup: Setup, device: Device) -> None:
    assert code(lambda: device.download("0" * 64)) == "NOT_FOUND"
    assert code(lambda: device.download("../../etc/passwd")) == "INVALID_ARGUMENT"
    assert list((setup.folder / "targets").iterdir()) == []


def test_what_was_used_longest_ago_makes_room(above: Above, setup: Setup, start: Start, connect: Connect) -> None:
    device = connect(start(changed(setup, target_bytes=700_000)))
    bundles = [os.urandom(300_000) for _ in range(3)]
    hashes = [above.publish("models/m", number + 1, data) for number, data in enumerate(bundles)]
    for sha256 in (hashes[0], hashes[1], hashes[0], hashes[2]):
        device.download(sha256)
    assert {path.name for path in (setup.folder / "targets").iterdir()} == {hashes[0], hashes[2]}


def test_a_target_without_end(above: Above, setup: Setup, start: Start, connect: Connect) -> None:
    device = connect(start(changed(setup, target_bytes=100_000)))
    sha256 = above.publish("models/m", 1, ONE)
    assert code(lambda: device.download(sha256)) == "INVALID_ARGUMENT"
    assert list((setup.folder / "targets").iterdir()) == []


def test_while_the_server_is_away(above: Above, served: Served, gateway: Gateway, connect: Connect) -> None:
    base = above.publish("models/m", 1, ONE)
    new = above.publish("models/m", 2, ONE[:-1] + b"!")
    above.change(new, base)
    one, other, stranger = (connect(gateway, name) for name in ("one", "other", "stranger"))
    online = one.offer(held=[base])
    assert online.delta.base_sha256 == base
    assert other.offer().target.sha256 == new
    one.download(new)
    served.stop()
    assert one.offer(held=[base]) == online
    assert not one.offer(held=["0" * 64]).HasField("delta"), "nothing for a bundle that it does not hold"
    assert stranger.offer().target.sha256 == new, "the channel's answer"
    assert code(lambda: stranger.offer("models/other")) == "UNAVAILABLE"
    assert stranger.download(new) == above.targets[new]
    assert code(lambda: stranger.download(base)) == "UNAVAILABLE"


def test_a_stranger_is_not_given_anothers_place_in_a_rollout(
    above: Above, served: Served, gateway: Gateway, connect: Connect
) -> None:
    stable, candidate = above.publish("models/m", 1, ONE), sha(TWO)
    chosen = pb.UpdateMetadata(
        version="models/m/versions/2", serial=1, target=pb.Target(sha256=candidate, size_bytes=1)
    )
    above.of_device = {"chosen": chosen}
    assert connect(gateway, "chosen").offer().target.sha256 == candidate
    served.stop()
    assert connect(gateway, "chosen").offer().target.sha256 == candidate
    assert connect(gateway, "stranger").offer().target.sha256 == stable


def test_refusals_of_the_server_reach_the_device_as_they_are(device: Device) -> None:
    with pytest.raises(grpc.RpcError) as error:
        device.offer("models/unknown")
    assert (error.value.code(), error.value.details()) == (grpc.StatusCode.NOT_FOUND, "no such channel")


def test_an_answer_of_a_size_that_none_has(above: Above, device: Device) -> None:
    above.publish("models/m", 1, ONE)
    above.channels["models/m", "stable"].version = "v" * 5000
    assert code(device.offer) == "INVALID_ARGUMENT"


def test_one_watch_for_all(above: Above, gateway: Gateway, connect: Connect) -> None:
    above.publish("models/m", 1, ONE)
    watches = [connect(gateway).hints() for _ in range(5)]
    assert [next(watch).serial for watch in watches] == [1] * 5
    above.publish("models/m", 2, TWO)
    assert [next(watch).serial for watch in watches] == [2] * 5
    assert above.watch_count == 1
    for watch in watches:
        watch.cancel()


def test_devices_ask_over_as_long_as_the_server_wants_and_their_number_here_needs(
    above: Above, gateway: Gateway, connect: Connect
) -> None:
    above.publish("models/m", 1, ONE)
    watches = []
    for length_ms in (2, 4, 6):
        watches.append(connect(gateway).hints())
        assert next(watches[-1]).spread.ToMilliseconds() == length_ms
    above.spread_s = 7
    above.publish("models/m", 2, TWO)
    assert [next(watch).spread.ToSeconds() for watch in watches] == [7] * 3
    for watch in watches:
        watch.cancel()


def test_watches_come_back_with_the_server(above: Above, served: Served, device: Device) -> None:
    above.publish("models/m", 1, ONE)
    watch = device.hints()
    assert next(watch).serial == 1
    served.stop()
    above.publish("models/m", 2, TWO)
    served.start()
    assert next(watch).serial == 2
    watch.cancel()


def test_too_many_channels(setup: Setup, above: Above, start: Start, connect: Connect) -> None:
    above.publish("models/m", 1, ONE)
    device = connect(start(changed(setup, watch_count=1)))
    watch = device.hints()
    assert next(watch).serial == 1
    assert code(lambda: next(device.hints("models/n"))) == "RESOURCE_EXHAUSTED"
    watch.cancel()


def test_a_gateway_is_light() -> None:
    """Certificates, signatures and numbers beyond NumPy's are for others to compute."""
    heavy = {"cryptography", "tuf", "jax", "onnxruntime", "sqlalchemy", "rich", "service"}
    code = f"import sys, slipway.gateway.node; print({heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_the_edges_own_remote_needs_to_know_nothing(above: Above, gateway: Gateway) -> None:
    sha256 = above.publish("models/m", 1, ONE)
    remote = Remote(gateway.address)
    assert remote.offer("models/m", "stable").version.sha256 == sha256
    assert b"".join(data for _, data in remote.pieces(sha256, 7)) == ONE[7:]
    assert next(remote.hints("models/m", "stable")) < 1.0
    remote.close()


def file_of(device: Device, name: str) -> bytes:
    return ask(device.updates.GetRepositoryFile, pb.GetRepositoryFileRequest(name=name), "gateway").content


class TestSigned:
    """Signed metadata through a gateway: numbered files once, the timestamp again and again."""

    @pytest.fixture
    def shop(self) -> Shop:
        return Shop()

    @pytest.fixture
    def above(self, shop: Shop) -> Above:
        return Above(shop.mirror)

    def source(self, shop: Shop, above: Above, device: Device) -> PieceSource:
        above.targets.update(shop.blobs)
        return PieceSource(
            lambda name: file_of(device, name), lambda sha256, at: iter([(at, device.download(sha256, at))])
        )

    def test_many_devices_one_question(
        self, shop: Shop, above: Above, served: Served, device: Device, tmp_path: Path
    ) -> None:
        source = self.source(shop, above, device)
        for number in range(3):
            folder = tmp_path / f"device-{number}"
            folder.mkdir()
            view = TrustingDevice(folder, shop).refresh(now=NOW, source=source)
            view.fetch(view.bundle(f"{ROVER}/2"), folder / "part")
            assert (folder / "part").read_bytes() == shop.adapted
        assert set(above.asked.values()) == {1}
        assert len(above.downloads) == 1
        served.stop()
        folder = tmp_path / "last"
        folder.mkdir()
        view = TrustingDevice(folder, shop).refresh(now=NOW, source=source)
        assert view.bundle(f"{ROVER}/2").sha256 == sha(shop.adapted)

    def test_no_file_of_another_kind(self, device: Device) -> None:
        for name in ("metadata/../../secret", "/etc/passwd", f"targets/{'0' * 64}.1.slipway", "x" * 600):
            assert code(lambda name=name: device.file(name)) == "INVALID_ARGUMENT"

    def test_a_file_without_end(self, above: Above, device: Device) -> None:
        above.padding = bytes(3 << 20)
        assert code(lambda: device.file("metadata/timestamp.json")) == "INVALID_ARGUMENT"

    def test_a_clock_that_was_ahead_freezes_nothing(
        self, shop: Shop, above: Above, setup: Setup, device: Device
    ) -> None:
        device.file("metadata/timestamp.json")
        with sqlite3.connect(setup.folder / "gateway.sqlite") as connection:
            connection.execute("UPDATE files SET asked_us = asked_us + ?", (400 * 86_400 * 1_000_000,))
        shop.repository.publish(NOW)
        assert device.file("metadata/timestamp.json") == shop.files.files["metadata/timestamp.json"]
