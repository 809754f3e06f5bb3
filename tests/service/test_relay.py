"""A gateway cannot speak for a device: what it forges, changes or repeats has no effect."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from service import relay
from service.catalogue import devices, identities, models, reports
from service.catalogue.engine import Catalogue, database_url
from service.clock import now_us
from service.domain import Lineage, NewVersion
from service.identity.values import Certificate, Role
from slipway.edge.signed_report import sign
from slipway.errors import Reason, Refused
from slipway.v1 import updates_pb2 as pb
from tests.service.pipelines import TASK
from tests.service.process import TIMEOUT, ServerProcess, refusal

VERSION = "models/m/versions/{}"
HOUR = timedelta(hours=1)


def key(seed: int) -> bytes:
    private = ec.derive_private_key(seed, ec.SECP256R1())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public(seed: int) -> str:
    found = ec.derive_private_key(seed, ec.SECP256R1()).public_key()
    return found.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def enrol(catalogue: Catalogue, device_id: str, seed: int) -> None:
    """Give a device a certificate."""
    sha256 = hashlib.sha256(f"{device_id} {seed}".encode()).hexdigest()
    certificate = Certificate(sha256, device_id, f"{seed:x}", public(seed), now_us() + 10**12)
    catalogue.write(identities.add_certificate, certificate, Role.DEVICE, now_us())


def publish(catalogue: Catalogue, count: int) -> None:
    """Enter versions 1 to ``count`` of the model m."""
    new = NewVersion("m", TASK.to_json(), Lineage("mlp"), 1, {})
    for _ in range(count):
        catalogue.write(models.add_version, new, {}, "job", now_us())


def status(version: int, device_id: str = "rover-1", state: str = "INSTALLED") -> pb.ReportStatusRequest:
    return pb.ReportStatusRequest(device_id=device_id, version=VERSION.format(version), state=state)


def health(sequence: int, windows: int = 10, device_id: str = "rover-1") -> pb.ReportHealthRequest:
    return pb.ReportHealthRequest(
        device_id=device_id, version=VERSION.format(1), sequence=sequence, window_count=windows, drift=0.5
    )


def signed(content: Any, seed: int = 1, ago: timedelta = timedelta()) -> pb.RelayReportRequest:
    return sign(content, key(seed), datetime.now(UTC) - ago)


@pytest.fixture
def enrolled(catalogue: Catalogue) -> Catalogue:
    publish(catalogue, 3)
    enrol(catalogue, "rover-1", 1)
    enrol(catalogue, "rover-2", 2)
    return catalogue


def relay_to(catalogue: Catalogue, request: pb.RelayReportRequest) -> None:
    (problem,) = relay.enter(catalogue, [relay.Carried(request, now_us())])
    if problem is not None:
        raise problem


def refused(catalogue: Catalogue, request: pb.RelayReportRequest) -> Reason:
    """Why a report was refused, and that nothing came of it."""
    before = told(catalogue)
    with pytest.raises(Refused) as refusal:
        relay_to(catalogue, request)
    assert told(catalogue) == before
    return refusal.value.reason


def told(catalogue: Catalogue, device_id: str = "rover-1") -> tuple[list[int], int | None, int]:
    """(versions that a device reported, newest first; the one that runs; windows it answered)."""
    device = catalogue.read(devices.some, [device_id]).get(device_id, devices.Device(device_id))
    history = [each.number for each in catalogue.read(reports.of_device, device_id)]
    return history, device.number, device.window_count


def test_what_a_device_signed_counts_as_if_it_had_said_it(enrolled: Catalogue) -> None:
    relay_to(enrolled, signed(status(2)))
    relay_to(enrolled, signed(health(1)))
    assert told(enrolled) == ([2], 1, 10)


def test_a_real_server_takes_and_refuses(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    catalogue = Catalogue(database_url("", server.folder))
    publish(catalogue, 1)
    enrol(catalogue, "rover-1", 1)
    server.updates.RelayReport(signed(status(1)), timeout=TIMEOUT)
    assert told(catalogue)[0] == [1]
    code, info, _ = refusal(lambda: server.updates.RelayReport(signed(status(1), seed=2), timeout=TIMEOUT))
    assert (code, info.reason) == ("PERMISSION_DENIED", "REPORT_NOT_SIGNED")
    catalogue.close()


def test_a_forged_report(enrolled: Catalogue) -> None:
    assert refused(enrolled, signed(status(1), seed=99)) is Reason.REPORT_NOT_SIGNED


def test_another_devices_key(enrolled: Catalogue) -> None:
    assert refused(enrolled, signed(status(1), seed=2)) is Reason.REPORT_NOT_SIGNED


def test_a_device_that_is_not_enrolled(enrolled: Catalogue) -> None:
    assert refused(enrolled, signed(status(1, device_id="nobody"))) is Reason.REPORT_NOT_SIGNED


def test_a_revoked_device(enrolled: Catalogue) -> None:
    enrolled.write(identities.revoke, "rover-1", now_us())
    assert refused(enrolled, signed(status(1))) is Reason.REPORT_NOT_SIGNED


def test_changed_numbers(enrolled: Catalogue) -> None:
    request = signed(health(1, windows=10))
    report = pb.Report.FromString(request.report)
    report.health.window_count = 1_000_000
    changed = pb.RelayReportRequest(report=report.SerializeToString(), signature=request.signature)
    assert refused(enrolled, changed) is Reason.REPORT_NOT_SIGNED


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_bit_can_be_changed(place: int, bit: int) -> None:
    request = sign(status(1), key(1), datetime.now(UTC))
    data = bytearray(request.report + request.signature)
    data[place % len(data)] ^= 1 << bit
    length = len(request.report)
    changed = pb.RelayReportRequest(report=bytes(data[:length]), signature=bytes(data[length:]))
    with pytest.raises(Refused):
        relay.check_signature(changed, [public(1).encode()], "rover-1")
    relay.check_signature(request, [public(1).encode()], "rover-1")


def test_a_device_that_speaks_of_another(enrolled: Catalogue) -> None:
    request = signed(status(1))
    report = pb.Report.FromString(request.report)
    report.status.device_id = "rover-2"
    private = ec.derive_private_key(1, ec.SECP256R1())
    data = report.SerializeToString()
    own = pb.RelayReportRequest(report=data, signature=private.sign(data, ec.ECDSA(SHA256())))
    assert refused(enrolled, own) is Reason.REPORT_NOT_SIGNED
    assert told(enrolled, "rover-2") == ([], None, 0)


def test_a_key_of_another_kind_signs_nothing() -> None:
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(Refused):
        relay.check_signature(signed(status(1)), [pem, b"no key at all"], "rover-1")


@pytest.mark.parametrize("ago", [timedelta(days=30, minutes=1), -timedelta(minutes=11)])
def test_too_old_or_from_tomorrow(enrolled: Catalogue, ago: timedelta) -> None:
    assert refused(enrolled, signed(status(1), ago=ago)) is Reason.REPORT_STALE


def test_a_report_without_a_time(enrolled: Catalogue) -> None:
    report = pb.Report(device_id="rover-1", status=status(1))
    request = pb.RelayReportRequest(report=report.SerializeToString(), signature=b"any")
    assert refused(enrolled, request) is Reason.FIELD_REQUIRED


@pytest.mark.parametrize("content", [status(2), health(1)])
def test_a_replay_is_taken_and_changes_nothing(enrolled: Catalogue, content: Any) -> None:
    request = signed(content)
    relay_to(enrolled, request)
    once = told(enrolled)
    relay_to(enrolled, request)  # a gateway that did not hear the answer sends it again
    assert told(enrolled) == once


def test_a_withheld_report_does_not_say_what_runs_now(enrolled: Catalogue) -> None:
    old, new = signed(status(1), ago=2 * HOUR), signed(status(3), ago=HOUR)
    relay_to(enrolled, new)
    relay_to(enrolled, old)
    assert told(enrolled) == ([1, 3], 3, 0)


def test_an_old_report_cannot_come_back_once_it_is_forgotten(
    enrolled: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "WINDOW", 4)
    first = signed(status(1), ago=2 * HOUR)
    relay_to(enrolled, first)
    for second in range(relay.WINDOW):
        relay_to(enrolled, signed(health(second + 1), ago=HOUR - timedelta(seconds=second)))
    assert refused(enrolled, first) is Reason.REPORT_STALE


def test_of_one_moment_no_more_are_taken_than_are_known(enrolled: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them is forgotten depends on its hash, so any further one may have come before."""
    monkeypatch.setattr(relay, "WINDOW", 2)
    moment = datetime.now(UTC)
    first, second, third = (sign(health(sequence), key(1), moment) for sequence in (1, 2, 3))
    relay_to(enrolled, first)
    relay_to(enrolled, second)
    assert refused(enrolled, third) is Reason.REPORT_STALE


def test_of_many_that_come_together_each_is_taken_or_refused_as_if_it_came_alone(enrolled: Catalogue) -> None:
    good, again = signed(status(2), ago=HOUR), signed(health(1))
    together = [good, signed(status(9)), signed(status(1), seed=99), good, again, signed(status(1), ago=2 * HOUR)]
    problems = relay.enter(enrolled, [relay.Carried(each, now_us()) for each in together])
    reasons = [problem and problem.reason for problem in problems]
    assert reasons == [None, Reason.VERSION_NOT_FOUND, Reason.REPORT_NOT_SIGNED, None, None, None]
    assert told(enrolled) == ([1, 2], 1, 10)


def test_what_the_report_itself_is_refused_for_leaves_no_trace(enrolled: Catalogue) -> None:
    request = signed(status(9))
    assert refused(enrolled, request) is Reason.VERSION_NOT_FOUND
    publish(enrolled, 6)
    relay_to(enrolled, request)
    assert told(enrolled)[0] == [9]


@pytest.mark.parametrize(
    ("report", "signature", "reason"),
    [
        (b"", b"x", Reason.FIELD_REQUIRED),
        (b"x", b"", Reason.FIELD_REQUIRED),
        (b"\xff\xff", b"x", Reason.FIELD_INVALID),
        (b"x" * (relay.REPORT_LIMIT_BYTES + 1), b"x", Reason.LIMIT_EXCEEDED),
        (b"x", b"x" * (relay.SIGNATURE_LIMIT_BYTES + 1), Reason.LIMIT_EXCEEDED),
    ],
)
def test_odd_requests(enrolled: Catalogue, report: bytes, signature: bytes, reason: Reason) -> None:
    assert refused(enrolled, pb.RelayReportRequest(report=report, signature=signature)) is reason
