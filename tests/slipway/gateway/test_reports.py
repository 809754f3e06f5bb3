"""No signed report is lost: not by a server that is away, not by ``kill -9``, not by a gateway that is refused."""

import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from slipway.gateway.node import Setup
from slipway.gateway.reports import REPORT_LIMIT_BYTES
from slipway.v1 import updates_pb2 as pb
from tests.slipway.edge.repository import Served
from tests.slipway.gateway.site import Above, Device, Gateway, GatewayProcess, changed, report, wait_until

Start, Connect = Callable[..., Gateway], Callable[..., Device]


def sequences(reports: list[pb.Report]) -> list[int]:
    return [each.health.sequence for each in reports]


def code(call: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as error:
        call()
    return str(error.value.code().name)


def test_a_report_goes_on_byte_for_byte(above: Above, device: Device) -> None:
    device.relay(report(1))
    above.wait_for_reports(1)
    assert above.relayed == [report(1)]


def test_kill_dash_nine_loses_none(above: Above, served: Served, tmp_path: Path, connect: Connect) -> None:
    gateway = GatewayProcess(served.address, tmp_path / "gateway").start()
    served.stop()
    device = connect(gateway)
    for number in range(1, 21):
        device.relay(report(number))
    gateway.end(signal.SIGKILL)
    served.start()
    gateway.start()
    assert sequences(above.wait_for_reports(20)) == list(range(1, 21))
    assert gateway.end() == 0


def test_they_wait_while_the_server_is_away(above: Above, served: Served, device: Device) -> None:
    served.stop()
    for number in (1, 2, 3):
        device.relay(report(number))
    served.start()
    assert sequences(above.wait_for_reports(3)) == [1, 2, 3]


def test_the_same_report_goes_once(above: Above, served: Served, device: Device) -> None:
    served.stop()
    for number in (1, 1, 2, 1):
        device.relay(report(number))
    served.start()
    assert sequences(above.wait_for_reports(2)) == [1, 2]


@pytest.mark.parametrize("status", [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND])
def test_what_the_server_never_takes_does_not_stop_the_others(
    above: Above, device: Device, setup: Setup, status: grpc.StatusCode
) -> None:
    above.relay_refusal = (status, "no")
    device.relay(report(1))
    wait_until(lambda: waiting(setup) == 0)
    above.relay_refusal = None
    device.relay(report(2))
    assert sequences(above.wait_for_reports(1)) == [2]


@pytest.mark.parametrize(
    "status",
    [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INTERNAL],
)
def test_a_gateway_that_is_refused_keeps_them(
    above: Above, device: Device, gateway: Gateway, setup: Setup, start: Start, status: grpc.StatusCode
) -> None:
    above.relay_refusal = (status, "not you")
    device.relay(report(1))
    wait_until(lambda: above.relay_refused > 0)
    gateway.stop()
    above.relay_refusal = None
    start()
    assert sequences(above.wait_for_reports(1)) == [1]


def test_one_device_cannot_take_the_place_of_all(setup: Setup, served: Served, start: Start, connect: Connect) -> None:
    served.stop()
    device = connect(start(changed(setup, device_report_count=2, report_count=3)))
    for number in (1, 2):
        device.relay(report(number, "loud"))
    assert code(lambda: device.relay(report(3, "loud"))) == "RESOURCE_EXHAUSTED"
    device.relay(report(1, "quiet"))
    assert code(lambda: device.relay(report(1, "late"))) == "RESOURCE_EXHAUSTED"
    served.start()


@pytest.mark.parametrize(
    "request_",
    [
        pb.RelayReportRequest(),
        pb.RelayReportRequest(report=b"\xff", signature=b"x"),
        pb.RelayReportRequest(report=pb.Report(device_id="d").SerializeToString(), signature=b"x"),
        pb.RelayReportRequest(report=report(1, "../d").report, signature=b"x"),
        pb.RelayReportRequest(report=report(1).report, signature=bytes(300)),
        pb.RelayReportRequest(report=bytes(REPORT_LIMIT_BYTES + 1), signature=b"x"),
    ],
)
def test_what_is_no_report(device: Device, setup: Setup, request_: pb.RelayReportRequest) -> None:
    assert code(lambda: device.relay(request_)) == "INVALID_ARGUMENT"
    assert waiting(setup) == 0


def test_unsigned_reports_are_the_servers_to_take(above: Above, served: Served, device: Device) -> None:
    status = pb.ReportStatusRequest(device_id="d", version="models/m/versions/1", state="INSTALLED")
    device.updates.ReportStatus(status)
    assert above.reports == [status]
    served.stop()
    assert code(lambda: device.updates.ReportStatus(status)) == "UNAVAILABLE", "the device keeps it"
    served.start()


def test_a_server_that_takes_no_unsigned_ones(device: Device) -> None:
    health = pb.ReportHealthRequest(device_id="d", version="models/m/versions/1", sequence=1)
    assert code(lambda: device.updates.ReportHealth(health)) == "PERMISSION_DENIED"


def test_a_damaged_ledger_is_set_aside(setup: Setup, start: Start, connect: Connect, above: Above) -> None:
    setup.folder.mkdir()
    (setup.folder / "gateway.sqlite").write_bytes(b"no database" * 1000)
    connect(start()).relay(report(1))
    assert sequences(above.wait_for_reports(1)) == [1]
    assert (setup.folder / "gateway.damaged").exists()


def waiting(setup: Setup) -> int:
    with sqlite3.connect(setup.folder / "gateway.sqlite") as connection:
        return int(connection.execute("SELECT count(*) FROM reports").fetchone()[0])
