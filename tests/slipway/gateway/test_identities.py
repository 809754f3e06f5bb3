"""With certificates: the server, a gateway and devices know each other by one CA, and the gateway speaks for nobody."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from service.blobs import open_blobs
from service.catalogue import devices, identities, models, reports
from service.catalogue.engine import Catalogue, database_url
from service.clock import now_us
from service.domain import Lineage, NewVersion
from service.identity import profile
from service.identity.values import Role
from slipway.client import connect
from slipway.client.datasets import statistics_of
from slipway.edge.reporting import Reporter, key_of
from slipway.edge.signed_report import sign
from slipway.errors import Reason, Refused
from slipway.gateway.certificate import renewed, to_devices
from slipway.gateway.node import Setup
from slipway.gateway.policy import Policy
from slipway.identity.enrol import enrol
from slipway.identity.folder import credentials
from slipway.spec import TaskSpec
from slipway.transport import ServerRefused
from slipway.v1 import updates_pb2 as pb
from slipway.v1.updates_pb2_grpc import UpdatesStub
from tests.service.identity.town import Town, yesterday
from tests.service.pipelines import TASK
from tests.slipway.edge.bundles import CLASSES, SENSOR, bundle
from tests.slipway.gateway.site import ROOT, TIMEOUT, Gateway, wait_until

VERSION = "models/m/versions/1"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def catalogue(town: Town) -> Iterator[Catalogue]:
    made = Catalogue(database_url("", town.folder / "data"))
    made.write(models.add_version, NewVersion("m", TASK.to_json(), Lineage("mlp"), 1, {}), {}, "job", now_us())
    yield made
    made.close()


@pytest.fixture(scope="module")
def gateway(town: Town, catalogue: Catalogue) -> Iterator[Gateway]:
    folder = town.folder / "gateway-identity"
    enrol(town.enrolment_address, town.token("hall", Role.GATEWAY), folder, ["localhost", "127.0.0.1"])
    policy = Policy(dataset="hall", interval_s=0.05)
    made = Gateway(Setup(town.address, "127.0.0.1:0", town.folder / "gateway", policy, identity=str(folder))).start()
    yield made
    made.stop()


def at_gateway(gateway: Gateway, folder: Path) -> UpdatesStub:
    return UpdatesStub(grpc.secure_channel(gateway.address, credentials(gateway.address, str(folder))))


def installed(device_id: str) -> pb.ReportStatusRequest:
    return pb.ReportStatusRequest(device_id=device_id, version=VERSION, state="INSTALLED")


def signed(device_id: str, folder: Path) -> pb.RelayReportRequest:
    return sign(installed(device_id), (folder / "key.pem").read_bytes(), datetime.now(UTC))


def told(catalogue: Catalogue, device_id: str) -> list[int]:
    return [each.number for each in catalogue.read(reports.of_device, device_id)]


def code(call: object) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as error:
        call()  # type: ignore[operator]
    return error.value.code()


def test_a_signed_report_arrives_and_an_unsigned_one_does_not(
    town: Town, gateway: Gateway, catalogue: Catalogue
) -> None:
    folder = town.enrolled("rover-1").folder
    stub = at_gateway(gateway, folder)
    unsigned = code(lambda: stub.ReportStatus(installed("rover-1"), timeout=TIMEOUT))
    assert unsigned is grpc.StatusCode.PERMISSION_DENIED, "the gateway's word is not the device's"
    stub.RelayReport(signed("rover-1", folder), timeout=TIMEOUT)
    wait_until(lambda: told(catalogue, "rover-1") == [1])


def test_a_device_signs_where_it_finds_a_gateway(town: Town, gateway: Gateway, catalogue: Catalogue) -> None:
    device = town.enrolled("rover-6")
    health = pb.ReportHealthRequest(device_id="rover-6", version=VERSION, sequence=1, window_count=7)
    at_server = Reporter(device.updates, town.address, None)
    at_server.send(installed("rover-6"))
    reporter = Reporter(at_gateway(gateway, device.folder), gateway.address, key_of(str(device.folder)))
    reporter.send(installed("rover-6"))
    reporter.send(health)
    wait_until(lambda: told(catalogue, "rover-6") == [1, 1])
    wait_until(lambda: catalogue.read(devices.some, ["rover-6"])["rover-6"].window_count == 7)
    unable = Reporter(at_gateway(gateway, device.folder), gateway.address, None)
    with pytest.raises(ServerRefused) as refusal:
        unable.send(health)
    assert refusal.value.reason == Reason.REPORT_NOT_SIGNED


def test_what_devices_need_of_the_server_passes(town: Town, gateway: Gateway, catalogue: Catalogue) -> None:
    """The gateway may ask for its devices, and keeps a dataset under its own id, and under no other."""
    folder = town.enrolled("rover-7").folder
    request = pb.GetMetadataRequest(model="models/m", device_id="rover-7")
    assert code(lambda: at_gateway(gateway, folder).GetMetadata(request, timeout=TIMEOUT)) is grpc.StatusCode.NOT_FOUND
    with connect(gateway.address, credentials(gateway.address, str(folder))) as client:
        client.datasets.create("rover-7", SENSOR)
        client.datasets.upload_statistics("rover-7", statistics_of([[[1.0, 2.0]] * SENSOR.window_length]))
        with pytest.raises(ServerRefused, match="rover-7"):
            client.datasets.create("rover-6", SENSOR)
        client.datasets.create("hall", SENSOR)
        site = client.datasets.upload_statistics("hall", statistics_of([[[1.0, 2.0]] * SENSOR.window_length]))
        assert (site.sensor, site.statistics) == (SENSOR, None), "what others have sent is not the device's to see"
    with connect(town.address, credentials(town.address, str(town.folder / "data" / "identity" / "admin"))) as admin:
        wait_until(lambda: any(each.name == "datasets/hall" for each in admin.datasets.list()))
        wait_until(lambda: admin.datasets.get("hall").statistics is not None)


def test_a_device_speaks_for_itself_only(town: Town, gateway: Gateway) -> None:
    folder, other = town.enrolled("rover-2").folder, town.enrolled("rover-3").folder
    stub = at_gateway(gateway, folder)
    denied = grpc.StatusCode.PERMISSION_DENIED
    assert code(lambda: stub.RelayReport(signed("rover-3", other), timeout=TIMEOUT)) is denied
    request = pb.GetMetadataRequest(model="models/m", device_id="rover-3")
    assert code(lambda: stub.GetMetadata(request, timeout=TIMEOUT)) is denied


def test_without_a_certificate_nobody_is_heard(town: Town, gateway: Gateway) -> None:
    ca = (town.folder / "gateway-identity" / "ca.pem").read_bytes()
    stub = UpdatesStub(grpc.secure_channel(gateway.address, grpc.ssl_channel_credentials(ca)))
    request = pb.GetMetadataRequest(model="models/m")
    assert code(lambda: stub.GetMetadata(request, timeout=TIMEOUT)) is grpc.StatusCode.UNAVAILABLE


def test_what_the_gateway_forges_the_server_refuses(town: Town, gateway: Gateway, catalogue: Catalogue) -> None:
    """Its owner puts reports of his own into its ledger: they go up, are refused, and hold nothing up."""
    town.enrolled("rover-4")
    key = (town.folder / "gateway-identity" / "key.pem").read_bytes()
    forged = sign(installed("rover-4"), key, datetime.now(UTC))
    with sqlite3.connect(gateway.setup.folder / "gateway.sqlite") as connection:
        row = ("forged", "rover-4", forged.report, forged.signature, now_us())
        connection.execute(
            "INSERT INTO reports (sha256, device_id, report, signature, taken_us) VALUES (?,?,?,?,?)", row
        )
    connection.close()
    genuine = town.enrolled("rover-5").folder
    at_gateway(gateway, genuine).RelayReport(signed("rover-5", genuine), timeout=TIMEOUT)
    wait_until(lambda: told(catalogue, "rover-5") == [1])
    assert told(catalogue, "rover-4") == []
    assert "rover-4" not in catalogue.read(devices.some, ["rover-4"])


def test_beyond_this_machine_nothing_goes_in_the_clear() -> None:
    with pytest.raises(Refused) as refusal:
        to_devices("0.0.0.0:0", "")
    assert refusal.value.reason is Reason.IDENTITY_MISSING
    assert to_devices("0.0.0.0:0", "none") is None


def test_the_edges_own_command_installs_and_reports(
    town: Town, gateway: Gateway, catalogue: Catalogue, tmp_path: Path
) -> None:
    data = bundle(1, model="rover", ballast=20_000)
    stored = {"bundle": (open_blobs("", town.folder / "data").put(data), len(data))}
    task = TaskSpec("rover", SENSOR, CLASSES).to_json()
    catalogue.write(models.add_version, NewVersion("rover", task, Lineage("mlp"), 1, {}), stored, "job", now_us())
    with connect(town.address, credentials(town.address, str(town.folder / "data" / "identity" / "admin"))) as admin:
        admin.models.set_channel("rover", "stable", "rover/1")
    folder = town.enrolled("rover-8").folder
    place = ["--server", gateway.address, "--identity", str(folder), "--folder", str(tmp_path / "edge")]
    command = [sys.executable, "-m", "slipway.cli", "edge", "install-once", "--model", "rover", *place]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    wait_until(lambda: told(catalogue, "rover-8") == [1])


def test_its_certificate_is_renewed_in_time(town: Town, catalogue: Catalogue) -> None:
    old = town.made("old-hall", Role.GATEWAY, town.authority(lambda: yesterday(80)))
    before = (old.folder / "certificate.pem").read_bytes()
    row = profile.row(x509.load_pem_x509_certificate(before), "old-hall")
    catalogue.write(identities.enter, row, Role.GATEWAY, now_us())
    asyncio.run(asyncio.wait_for(renewed(town.address, str(old.folder), look_s=0.0), TIMEOUT))
    assert (old.folder / "certificate.pem").read_bytes() != before
