"""Those who are slow on purpose, and those who guess."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from service.config import Config
from service.house import open_house
from service.identity.lines import is_loopback, speaks_tls
from service.identity.tokens import GUESS_LIMIT, MINUTE_SECONDS, Guesses
from slipway.errors import Reason, Refused
from slipway.v1 import datasets_pb2, identities_pb2
from tests.service.identity.town import Town
from tests.service.process import SENSOR, TIMEOUT, batch, header, refusal, wait_for, windows

SHORT_S = 0.5


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A server without patience."""
    town = Town(tmp_path_factory.mktemp("hasty"), handshake_seconds=SHORT_S, silence_seconds=SHORT_S)
    yield town
    town.close()


@pytest.mark.parametrize("first", [0, 1, 2])
def test_an_upload_that_falls_silent_is_ended(town: Town, first: int) -> None:
    """Before its header, after it, and after windows."""
    name, over = f"slow-{first}", []
    dataset = datasets_pb2.Dataset(sensor=SENSOR, classes=["go", "stop"])
    admin = town.admin
    admin.datasets.CreateDataset(datasets_pb2.CreateDatasetRequest(dataset_id=name, dataset=dataset), timeout=TIMEOUT)

    def silent() -> Iterator[datasets_pb2.UploadWindowsRequest]:
        yield from [header(f"datasets/{name}", 8), batch(0, windows(4))][:first]
        wait_for(lambda: over)

    code, info, _ = refusal(lambda: admin.datasets.UploadWindows(silent(), timeout=TIMEOUT))
    over.append(True)
    assert (code, info.reason) == ("DEADLINE_EXCEEDED", "STREAM_SILENT")


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n"])
def test_a_connection_that_never_gets_to_the_point_is_closed(town: Town, said: bytes) -> None:
    for address in (town.address, town.enrolment_address):
        host, _, port = address.rpartition(":")
        began = time.monotonic()
        with socket.create_connection((host, int(port)), TIMEOUT) as line:
            line.sendall(said)
            with suppress(ConnectionResetError):
                assert line.recv(4096) == b""
        assert time.monotonic() - began < TIMEOUT / 2


def test_guessing_is_slowed_down(town: Town) -> None:
    door, request = town.door(), identities_pb2.EnrolRequest(token="guess", csr_pem=b"x")
    for _ in range(GUESS_LIMIT):
        assert refusal(lambda: door.Enrol(request, timeout=TIMEOUT))[1].reason == "ENROLMENT_REFUSED"
    code, info, status = refusal(lambda: door.Enrol(request, timeout=TIMEOUT))
    assert (code, info.reason) == ("RESOURCE_EXHAUSTED", "ENROLMENT_BUSY")
    assert 0 < float(info.metadata["retry_seconds"]) <= MINUTE_SECONDS
    assert any("RetryInfo" in each.type_url for each in status.details)


def test_after_a_minute_one_may_try_again_and_others_could_all_the_time() -> None:
    now = [0.0]
    guesses = Guesses(clock=lambda: now[0])
    for _ in range(GUESS_LIMIT):
        guesses.check("ipv4:192.0.2.1")
        guesses.wrong("ipv4:192.0.2.1")
    guesses.check("ipv4:192.0.2.2")
    now[0] = MINUTE_SECONDS - 1
    with pytest.raises(Refused) as caught:
        guesses.check("ipv4:192.0.2.1")
    assert (caught.value.reason, caught.value.details["retry_seconds"]) == (Reason.ENROLMENT_BUSY, "1.0")
    now[0] = MINUTE_SECONDS
    guesses.check("ipv4:192.0.2.1")


def test_speaking_in_the_clear_outside_loopback_has_to_be_said_and_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_house(Config(data_folder=tmp_path, address="127.0.0.1:0")).catalogue.close()
    assert not caplog.messages
    house = open_house(Config(data_folder=tmp_path, address="0.0.0.0:8471", tls="never"))
    house.catalogue.close()
    assert house.security is None
    assert caplog.messages == ["everybody who reaches 0.0.0.0:8471 may do everything: tls is never"]


def test_outside_loopback_a_server_speaks_tls_unasked() -> None:
    for address, clear in (
        ("127.0.0.1:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("127.9.9.9:0", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.0.2.7:1", False),
        ("slipway.example:1", False),
        ("localhost.example:1", False),
    ):
        assert is_loopback(address) is clear
        assert speaks_tls(Config(address=address)) is not clear
        assert speaks_tls(Config(address=address, tls="always"))
        assert not speaks_tls(Config(address=address, tls="never"))
    with pytest.raises(Refused, match="needs auto, always or never"):
        speaks_tls(Config(tls="maybe"))
