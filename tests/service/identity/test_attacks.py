"""What an attacker tries against a real server over real sockets, and how it is turned away."""

import json
import re
import socket
import sqlite3
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from service.identity.profile import CSR_LIMIT_BYTES
from service.identity.values import Role
from slipway.identity.folder import load
from slipway.identity.request import new_key, request_for
from slipway.spec import Channel, SensorSpec, TaskSpec
from slipway.transport import ServerRefused
from slipway.v1 import (
    datasets_pb2,
    identities_pb2,
    jobs_pb2,
    models_pb2,
    models_pb2_grpc,
    rollouts_pb2,
    rollouts_pb2_grpc,
    spec_pb2,
    updates_pb2,
)
from tests.service.identity.town import Person, Town, identity, yesterday
from tests.service.process import SENSOR, TIMEOUT, batch, header, refusal, wait_for, windows

DENIED = ("PERMISSION_DENIED", "PERMISSION_DENIED")
REVOKED = ("UNAUTHENTICATED", "CERTIFICATE_REFUSED")
WITHIN_S = 1.0


def refused(call: Callable[[], object]) -> tuple[str, str]:
    code, info, _ = refusal(call)
    return code, info.reason


def closed(channel: grpc.Channel) -> bool:
    """Whether the handshake fails: not even health is answered."""
    with pytest.raises(grpc.RpcError) as caught:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
    return bool(caught.value.code() == grpc.StatusCode.UNAVAILABLE)


def own_dataset(person: Person, name: str) -> Any:
    dataset = datasets_pb2.Dataset(sensor=SENSOR, classes=["go", "stop"])
    return person.datasets.CreateDataset(
        datasets_pb2.CreateDatasetRequest(dataset_id=name, dataset=dataset), timeout=TIMEOUT
    )


def get(person: Person, name: str) -> Any:
    return person.datasets.GetDataset(datasets_pb2.GetDatasetRequest(name=f"datasets/{name}"), timeout=TIMEOUT)


def report(person: Person, device: str) -> Any:
    request = updates_pb2.ReportStatusRequest(device_id=device, version="models/m/versions/1", state="INSTALLED")
    return person.updates.ReportStatus(request, timeout=TIMEOUT)


def watch(person: Person) -> Any:
    return person.updates.WatchUpdates(updates_pb2.WatchUpdatesRequest(model="models/m"), timeout=TIMEOUT)


def csr() -> bytes:
    return request_for(new_key())


def enrol(town: Town, token: str, request: bytes = b"") -> Any:
    message = identities_pb2.EnrolRequest(token=token.partition(".")[0], csr_pem=request or csr())
    return town.door().Enrol(message, timeout=TIMEOUT)


def test_without_a_certificate_there_is_no_connection(town: Town) -> None:
    ca = town.authority().pem
    assert closed(grpc.insecure_channel(town.address))
    assert closed(grpc.secure_channel(town.address, grpc.ssl_channel_credentials(ca)))


def test_a_certificate_of_ones_own_making_is_none(town: Town, tmp_path: Path) -> None:
    from service.identity.authority import open_authority

    real = town.authority()
    mine = open_authority(tmp_path / "ca", real.clock, ())
    assert closed(town.made("admin", Role.ADMIN, mine, ca=real.pem).channel)


def test_an_expired_certificate_is_none(town: Town) -> None:
    assert closed(town.made("rover-0", Role.DEVICE, town.authority(lambda: yesterday(91))).channel)


def test_a_certificate_that_the_server_does_not_remember_is_refused(town: Town) -> None:
    """Signed with the CA's own stolen key, past the server."""
    ghost = town.made("ghost", Role.ADMIN, town.authority())
    assert refused(lambda: get(ghost, "garage")) == REVOKED


def test_a_certificate_that_expires_ends_the_open_watch_and_the_connection_serves_no_more(town: Town) -> None:
    device = town.enrolled("rover-late")
    authority = town.authority(lambda: yesterday(90) + timedelta(seconds=2))
    late = town.made("rover-late", Role.DEVICE, authority)
    _remember(town, late)
    stream = watch(late)
    next(stream)
    assert refused(lambda: list(stream)) == REVOKED
    assert refused(lambda: get(late, "rover-late")) == REVOKED
    assert refused(lambda: get(device, "rover-late")) == ("NOT_FOUND", "DATASET_NOT_FOUND")


def _remember(town: Town, person: Person) -> None:
    from service.catalogue import identities
    from service.catalogue.engine import Catalogue, database_url
    from service.clock import now_us
    from service.identity.profile import read_caller

    catalogue = Catalogue(database_url("", town.folder / "data"))
    caller, row = read_caller(load(person.folder).certificate)
    catalogue.write(identities.add_certificate, row, caller.role, now_us())
    catalogue.close()


def test_a_device_reports_reads_and_writes_nothing_of_another(town: Town) -> None:
    one, two = town.enrolled("rover-1"), town.enrolled("rover-2")
    own_dataset(two, "rover-2")
    assert refused(lambda: report(one, "rover-2")) == DENIED
    assert refused(lambda: get(one, "rover-2")) == DENIED
    messages = [header("datasets/rover-2", 3), batch(0, windows(3))]
    assert refused(lambda: one.datasets.UploadWindows(iter(messages), timeout=TIMEOUT)) == DENIED
    assert refused(lambda: one.datasets.UploadWindows(iter(messages[1:]), timeout=TIMEOUT)) == DENIED
    asked = updates_pb2.GetMetadataRequest(model="models/m", device_id="rover-2")
    assert refused(lambda: one.updates.GetMetadata(asked, timeout=TIMEOUT)) == DENIED
    assert two.datasets.UploadWindows(iter(messages), timeout=TIMEOUT).committed_count == 3
    assert get(two, "rover-2").window_count == 3


def test_into_what_a_policy_gathers_a_device_writes_and_reads_nothing(town: Town) -> None:
    """Statistics that it sends are answered with the name alone, not with what others sent."""
    admin, device = town.admin, town.enrolled("rover-giver")
    own_dataset(admin, "pool")
    columns = [1.0, 2.0]
    statistics = spec_pb2.ChannelStatistics(count=9, mean=columns, sum_squared_deviation=columns)

    def send(person: Person) -> Any:
        request = datasets_pb2.UploadStatisticsRequest(
            dataset="datasets/pool", request_id=str(uuid.uuid4()), statistics=statistics
        )
        return person.datasets.UploadStatistics(request, timeout=TIMEOUT)

    assert send(admin).statistics.count == 9
    assert refused(lambda: send(device)) == DENIED
    with sqlite3.connect(town.folder / "data" / "catalogue.sqlite", timeout=TIMEOUT) as connection:
        sensor = SensorSpec((Channel("left", "m"), Channel("right", "m")), 10.0, 3)
        task = json.dumps(TaskSpec("m", sensor, ("go", "stop")).to_json())
        connection.execute("INSERT INTO models (id, task, latest, create_us) VALUES ('m', ?, 0, 0)", [task])
        connection.execute("INSERT INTO channels (model_id, id, number, serial) VALUES ('m', 'stable', 1, 1)")
    policy = rollouts_pb2.Policy(name="models/m/policy", enabled=True, target="datasets/pool")
    rollouts: Any = rollouts_pb2_grpc.RolloutsStub(admin.channel)
    rollouts.UpdatePolicy(rollouts_pb2.UpdatePolicyRequest(policy=policy), timeout=TIMEOUT)
    answer = wait_for(lambda: _answered(lambda: send(device)), 2 * WITHIN_S)
    assert answer == datasets_pb2.Dataset(name="datasets/pool")
    assert refused(lambda: get(device, "pool")) == DENIED


def _answered(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except grpc.RpcError:
        return None


def test_what_exists_and_what_does_not_look_the_same(town: Town) -> None:
    device = town.enrolled("rover-curious")
    own_dataset(town.admin, "garage")
    answers = [refusal(partial(get, device, name))[2] for name in ("garage", "nowhere", "../&%")]
    assert answers[0] == answers[1] == answers[2]


def test_a_device_calls_nothing_of_an_admins(town: Town) -> None:
    device = town.enrolled("rover-bold")
    models: Any = models_pb2_grpc.ModelsStub(device.channel)
    token = identities_pb2.CreateEnrolmentTokenRequest(identity_id="friend", role=identities_pb2.ADMIN)
    calls: list[Callable[[], object]] = [
        lambda: device.datasets.ListDatasets(datasets_pb2.ListDatasetsRequest(page_size=-1), timeout=TIMEOUT),
        lambda: device.jobs.CreateJob(jobs_pb2.CreateJobRequest(), timeout=TIMEOUT),
        lambda: models.UpdateChannel(models_pb2.UpdateChannelRequest(), timeout=TIMEOUT),
        lambda: list(device.jobs.WatchJob(jobs_pb2.WatchJobRequest(), timeout=TIMEOUT)),
        lambda: models.ImportModel(iter([models_pb2.ImportModelRequest()]), timeout=TIMEOUT),
        lambda: device.identities.CreateEnrolmentToken(token, timeout=TIMEOUT),
        lambda: device.identities.RevokeIdentity(identity("admin"), timeout=TIMEOUT),
        lambda: device.identities.RevokeIdentity(identity("rover-bold"), timeout=TIMEOUT),
    ]
    assert [refused(call) for call in calls] == [DENIED] * len(calls), "before anything in them is looked at"


def test_an_operator_enrols_machines_only(town: Town) -> None:
    operator = town.enrolled("olga", Role.OPERATOR)

    def token(name: str, role: int) -> Any:
        request = identities_pb2.CreateEnrolmentTokenRequest(identity_id=name, role=role)
        return operator.identities.CreateEnrolmentToken(request, timeout=TIMEOUT)

    assert token("rover-by-olga", identities_pb2.DEVICE).token
    town.enrolled("rover-ladder")  # a device's id is no way up either
    for name, role in (
        ("rover-ladder", "ADMIN"),
        ("eve", "ADMIN"),
        ("eve", "OPERATOR"),
        ("eve", "CLIENT"),
        ("admin", "DEVICE"),
    ):
        assert refused(partial(token, name, identities_pb2.Role.Value(role))) == DENIED
    assert refused(lambda: operator.identities.RevokeIdentity(identity("admin"), timeout=TIMEOUT)) == DENIED


def test_revoked_is_refused_within_a_second_also_where_it_was_connected_before(town: Town) -> None:
    device = town.enrolled("rover-lost")
    stream, errors = watch(device), []
    next(stream)
    sending = device.datasets.CreateDataset  # the same connection
    own_dataset(device, "rover-lost")
    began = time.monotonic()
    done = town.admin.identities.RevokeIdentity(identity("rover-lost"), timeout=TIMEOUT)
    assert done.state == identities_pb2.Identity.REVOKED
    errors.append(refused(lambda: list(stream)))
    wait_for(lambda: _is_refused(device), WITHIN_S)
    assert time.monotonic() - began < 2 * WITHIN_S, "the watch ended, and calls are refused"
    assert errors == [REVOKED]
    assert refused(lambda: sending(datasets_pb2.CreateDatasetRequest(), timeout=TIMEOUT)) == REVOKED
    assert refused(lambda: get(town.person(device.folder), "rover-lost")) == REVOKED, "on a new connection"
    request = identities_pb2.RenewCertificateRequest(csr_pem=csr())
    assert refused(lambda: device.identities.RenewCertificate(request, timeout=TIMEOUT)) == REVOKED


def _is_refused(device: Person) -> bool:
    try:
        get(device, "rover-lost")
        return False
    except grpc.RpcError as error:
        return bool(error.code() == grpc.StatusCode.UNAUTHENTICATED)


def test_an_upload_of_the_revoked_ends_too(town: Town) -> None:
    device = town.enrolled("rover-slow")
    own_dataset(device, "rover-slow")
    over: list[bool] = []

    def slow() -> Iterator[datasets_pb2.UploadWindowsRequest]:
        yield header("datasets/rover-slow", 8)
        yield batch(0, windows(4))
        wait_for(lambda: over)

    sending = device.datasets.UploadWindows.future(slow(), timeout=TIMEOUT)
    wait_for(lambda: list((town.folder / "data" / "uploads").glob("*.part")))
    town.admin.identities.RevokeIdentity(identity("rover-slow"), timeout=TIMEOUT)
    assert refused(lambda: sending.result(TIMEOUT)) == REVOKED
    over.append(True)


def test_a_new_token_enrols_a_revoked_id_again(town: Town) -> None:
    town.enrolled("rover-back")
    town.admin.identities.RevokeIdentity(identity("rover-back"), timeout=TIMEOUT)
    (town.folder / "rover-back" / "certificate.pem").unlink()
    assert refused(lambda: get(town.enrolled("rover-back"), "rover-back")) == ("NOT_FOUND", "DATASET_NOT_FOUND")


SPENT = ("PERMISSION_DENIED", "ENROLMENT_REFUSED")


def test_a_token_is_good_once_for_one_id_and_until_that_has_a_certificate(town: Town) -> None:
    first, second = town.token("rover-once"), town.token("rover-once")
    assert enrol(town, first).identity.name == "identities/rover-once", "whatever the request would call itself"
    assert refused(lambda: enrol(town, first)) == SPENT
    assert refused(lambda: enrol(town, second)) == SPENT
    with pytest.raises(ServerRefused, match="has a certificate that is accepted until"):
        town.token("rover-once")
    third = town.token("rover-never")
    town.enrolled("rover-never-2")
    town.admin.identities.RevokeIdentity(identity("rover-once"), timeout=TIMEOUT)
    assert refused(lambda: enrol(town, second)) == SPENT, "what was made before the revocation says nothing"
    assert enrol(town, third).identity.name == "identities/rover-never"
    again = town.token("rover-once")
    town.admin.identities.RevokeIdentity(identity("rover-once"), timeout=TIMEOUT)
    assert refused(lambda: enrol(town, again)) == SPENT, "to revoke takes back what was promised, too"


def test_of_two_who_race_with_one_token_one_gets_in(town: Town) -> None:
    for turn in range(4):
        token = town.token(f"rover-race-{turn}")
        with ThreadPoolExecutor(8) as pool:
            tries = [pool.submit(enrol, town, token) for _ in range(8)]
        problems = [error for error in (each.exception() for each in tries) if error is not None]
        assert len(problems) == 7
        assert {refused(partial(_raise, error)) for error in problems} == {SPENT}


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    "request_pem",
    [
        b"x" * (CSR_LIMIT_BYTES + 1),
        b"",
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
    ],
)
def test_a_bad_request_is_refused_and_leaves_the_token(town: Town, request_pem: bytes) -> None:
    name = f"rover-csr-{len(request_pem)}"
    token = town.token(name)
    code, _ = refused(lambda: enrol(town, token, request_pem or b"nothing"))
    assert code == "INVALID_ARGUMENT"
    assert enrol(town, token).identity.name == f"identities/{name}"


def test_a_request_longer_than_a_message_is_not_even_read(town: Town) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        enrol(town, "x", b"x" * (1 << 20))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_the_enrolment_port_enrols_and_tells_health_and_nothing_else(town: Town) -> None:
    channel = grpc.secure_channel(town.enrolment_address, grpc.ssl_channel_credentials(town.authority().pem))
    with channel:
        assert health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT).status == 1
        person = Person(channel, Path())
        ask = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        calls: list[Callable[[], object]] = [
            lambda: get(person, "garage"),
            lambda: person.identities.ListIdentities(identities_pb2.ListIdentitiesRequest(), timeout=TIMEOUT),
            lambda: list(reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(ask, timeout=TIMEOUT)),
        ]
        for call in calls:
            with pytest.raises(grpc.RpcError) as caught:
                call()
            assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_server_certificate_is_no_clients_and_a_devices_is_no_servers(town: Town) -> None:
    """Extended key usage: what one stole from the server's memory does not open its door, and the other way round."""
    key, chain, _ = town.authority().server()
    shown = grpc.ssl_channel_credentials(town.authority().pem, key, chain)
    assert closed(grpc.secure_channel(town.address, shown))
    device = load(town.enrolled("rover-mask").folder)
    context = ssl.create_default_context(cadata=device.ca.decode())
    context.check_hostname = False
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        _handshake(device, context, town.folder)


def _handshake(device: Any, context: ssl.SSLContext, folder: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (folder / "both.pem").write_bytes(device.key + device.certificate)
    server.load_cert_chain(folder / "both.pem")
    near, far = socket.socketpair()
    near.settimeout(TIMEOUT)
    with near, far, ThreadPoolExecutor(1) as pool:
        pool.submit(server.wrap_socket, far, server_side=True)
        context.wrap_socket(near)


def test_no_secret_is_in_the_log_or_on_stdout(town: Town) -> None:
    """What was printed while all the tests above ran, refusals and bugs included."""
    town.enrolled("rover-loud")
    token = town.token("rover-quiet")
    enrol(town, token)
    refused(lambda: enrol(town, token))
    secret = token.partition(".")[0]
    said = town.server.log.read_text()
    assert "Enrol" in said
    assert secret not in said and "PRIVATE KEY" not in said and "BEGIN CERT" not in said
    keys = [path.read_text() for path in town.folder.rglob("*key.pem")]
    lines = {line for key in keys for line in key.splitlines() if not line.startswith("-----")}
    assert len(keys) >= 3 and not any(line in said for line in lines)
    for file in (town.folder / "data").glob("catalogue.sqlite*"):
        assert secret.encode() not in file.read_bytes(), "only its hash is kept"
    assert not re.search(r"Traceback", said)
