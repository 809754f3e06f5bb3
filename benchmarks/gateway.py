"""What a gateway saves on the line of a site: bytes to and from the server while 50 devices take an update.

Every device hears the hint, asks for its own offer, fetches the bundle and sends a signed report, on connections of its
own. The reference is the same 50 devices at the server itself. A proxy counts what passes, gRPC's own bytes included.
"""

import hashlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from service.blobs import open_blobs
from service.catalogue import identities, models
from service.catalogue.engine import Catalogue, database_url
from service.clock import now_us
from service.domain import Lineage, NewVersion
from service.identity.values import Certificate, Role
from slipway.client import connect
from slipway.edge.remote import Remote
from slipway.edge.signed_report import sign
from slipway.identity.request import new_key
from slipway.transport import open_channel
from slipway.v1 import updates_pb2 as pb
from slipway.v1.updates_pb2_grpc import UpdatesStub
from tests.service.pipelines import TASK
from tests.slipway.edge.bundles import bundle
from tests.slipway.server import Server

DEVICES = 50
SIZES = {"22_kb": 22_000, "1_mb": 1_000_000}
AIM = 0.1  # share of the bytes that may stay


class Proxy:
    """Passes connections on to one address and counts the bytes both ways."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._target = (host, int(port))
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.count_bytes = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._socket.accept()
            far = socket.create_connection(self._target)
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                with self._lock:
                    self.count_bytes += len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            sink.close()


def run() -> list[dict]:
    """Megabytes (1e6 bytes) on the line to the server for one update of all devices, by the size of the bundle."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(folder / "server")
        catalogue = Catalogue(database_url("", folder / "server"))
        try:
            keys = {f"device-{number}": _enrol(catalogue, f"device-{number}") for number in range(DEVICES)}
            records = [each for size in SIZES for each in _measure(server, catalogue, folder, size, keys)]
        finally:
            catalogue.close()
            server.stop()
    return records


def _measure(server: Server, catalogue: Catalogue, folder: Path, size: str, keys: dict[str, bytes]) -> Iterator[dict]:
    model = f"site_{size}"
    length = _publish(server, catalogue, folder, model, SIZES[size])
    direct = Proxy(server.address)
    direct_s = _update_all(direct.address, model, keys)
    above = Proxy(server.address)
    with _gateway(above.address, folder / f"gateway-{size}") as address:
        behind_s = _update_all(address, model, keys)
        _wait_until(lambda: _reports(catalogue, model) == 2 * DEVICES)
    print(f"  {size}: a bundle of {length} bytes; directly {direct_s:.2f} s, behind a gateway {behind_s:.2f} s")
    yield _record(f"gateway_line_{size}_mb", above.count_bytes / 1e6, "MB", direct.count_bytes / 1e6)
    share = above.count_bytes / direct.count_bytes
    yield _record(f"gateway_line_{size}_share", share, "of direct", AIM)


def _publish(server: Server, catalogue: Catalogue, folder: Path, model: str, size_bytes: int) -> int:
    """A version whose bundle is about ``size_bytes`` long."""
    bare = len(bundle(1, model=model))
    data = bundle(1, model=model, ballast=max(0, size_bytes - bare))
    stored = {"bundle": (open_blobs("", folder / "server").put(data), len(data))}
    task = TASK.to_json()
    catalogue.write(models.add_version, NewVersion(model, task, Lineage("mlp"), 1, {}), stored, "job", now_us())
    with connect(server.address) as client:
        client.models.set_channel(model, "stable", f"{model}/1")
    return len(data)


def _enrol(catalogue: Catalogue, device_id: str) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    key = new_key()
    public = load_pem_private_key(key, None).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    sha256 = hashlib.sha256(public).hexdigest()
    certificate = Certificate(sha256, device_id, sha256[:32], public.decode(), now_us() + 10**12)
    catalogue.write(identities.add_certificate, certificate, Role.DEVICE, now_us())
    return key


def _update_all(address: str, model: str, keys: dict[str, bytes]) -> float:
    start = time.perf_counter()
    with ThreadPoolExecutor(DEVICES) as pool:
        for done in [pool.submit(_update, address, model, device_id, key) for device_id, key in keys.items()]:
            done.result()
    return time.perf_counter() - start


def _update(address: str, model: str, device_id: str, key: bytes) -> None:
    remote, channel = Remote(address), open_channel(address)
    hints = remote.hints(f"models/{model}", "stable")
    next(hints)
    offer = remote.offer(f"models/{model}", "stable", device_id=device_id)
    data = b"".join(piece for _, piece in remote.pieces(offer.version.sha256, 0))
    if hashlib.sha256(data).hexdigest() != offer.version.sha256:
        raise RuntimeError("the bundle is not the promised one")
    report = pb.ReportStatusRequest(device_id=device_id, version=offer.version.version, state="INSTALLED")
    UpdatesStub(channel).RelayReport(sign(report, key, datetime.now(UTC)), timeout=60)
    channel.close()
    remote.close()


@contextmanager
def _gateway(server: str, folder: Path) -> Iterator[str]:
    command = ["-c", "from slipway.cli.gateway import app; app()", "run", "--server", server, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [sys.executable, *command, "--folder", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def _reports(catalogue: Catalogue, model: str) -> int:
    from sqlalchemy import func, select

    from service.catalogue.tables import reports

    query = select(func.count()).where(reports.c.model_id == model)
    return int(catalogue.read(lambda connection: connection.scalar(query)) or 0)


def _wait_until(question: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not question():
        if time.monotonic() > end:
            raise RuntimeError("not every report arrived")
        time.sleep(0.05)


def _record(name: str, value: float, unit: str, reference: float) -> dict:
    return {"name": name, "value": value, "unit": unit, "reference": reference, "ratio": value / reference}
