"""The built-in CA on disk, what its certificates say, and an outside CA in its place."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from service.catalogue import identities
from service.catalogue.engine import Catalogue
from service.config import Config
from service.identity import profile
from service.identity.authority import CERTIFICATE_FILE, KEY_FILE, Authority, key_pem, open_authority
from service.identity.credentials import from_authority
from service.identity.security import open_security
from service.identity.values import Role
from slipway.errors import Reason, Refused
from slipway.identity.request import new_key, request_for
from slipway.v1 import datasets_pb2, identities_pb2
from tests.service.identity.town import Town, identity
from tests.service.process import TIMEOUT, refusal, wait_for

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return open_authority(tmp_path / "identity", lambda: NOW, ("slipway.example", "192.0.2.7", "localhost"))


def test_the_ca_is_made_once_and_only_its_owner_reads_it(tmp_path: Path, authority: Authority) -> None:
    again = open_authority(tmp_path / "identity", lambda: NOW, ())
    assert again.sha256 == authority.sha256
    assert stat.S_IMODE((tmp_path / "identity").stat().st_mode) == 0o700
    for name in (KEY_FILE, CERTIFICATE_FILE):
        assert stat.S_IMODE((tmp_path / "identity" / name).stat().st_mode) == 0o600


def test_a_power_cut_between_key_and_certificate_leaves_a_ca(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "identity" / CERTIFICATE_FILE).unlink()
    again = open_authority(tmp_path / "identity", lambda: NOW, ())
    assert again.certificate.public_key() == authority.certificate.public_key()


@pytest.mark.parametrize("content", [b"", b"nonsense", key_pem(profile.new_key())])
def test_a_damaged_ca_is_refused_and_not_made_anew(tmp_path: Path, authority: Authority, content: bytes) -> None:
    (tmp_path / "identity" / KEY_FILE).write_bytes(content)
    with pytest.raises(Refused) as caught:
        open_authority(tmp_path / "identity", lambda: NOW, ())
    assert caught.value.reason == Reason.FIELD_INVALID
    assert (tmp_path / "identity" / KEY_FILE).read_bytes() == content


def usages(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


@pytest.mark.parametrize("role", Role)
def test_what_a_certificate_says(authority: Authority, role: Role) -> None:
    key = profile.new_key()
    made = authority.enrol(key.public_key(), "rover-7", role)
    made.verify_directly_issued_by(authority.certificate)
    caller, row = profile.read_caller(made.public_bytes(Encoding.PEM))
    days = 90 if role in (Role.DEVICE, Role.GATEWAY) else 365
    assert (caller.id, caller.role) == ("rover-7", role)
    assert caller.expire_us == row.expire_us == int((NOW + timedelta(days=days)).timestamp()) * 10**6
    server = {ExtendedKeyUsageOID.SERVER_AUTH} if role == Role.GATEWAY else set()
    assert usages(made) == {ExtendedKeyUsageOID.CLIENT_AUTH} | server
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_gateway_is_called_as_it_asks_but_never_as_the_server(authority: Authority) -> None:
    key = profile.new_key().public_key()
    made = authority.enrol(key, "g", Role.GATEWAY, ("198.51.100.1", "shed.example", "localhost"))
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["g.gateway.slipway.internal", "shed.example", "localhost"]
    for taken in ("slipway.example", "192.0.2.7"):
        with pytest.raises(Refused, match="the server itself is called so"):
            authority.enrol(key, "g", Role.GATEWAY, (taken,))
    device = authority.enrol(key, "d", Role.DEVICE, ("shed.example",))
    with pytest.raises(x509.ExtensionNotFound):
        device.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def request(key: object, *names: str) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, names))), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)  # type: ignore[arg-type]


def forged() -> bytes:
    """A request for somebody else's key."""
    mine, theirs = (x509.load_pem_x509_csr(request_for(new_key())) for _ in range(2))

    def key_of(csr: x509.CertificateSigningRequest) -> bytes:
        return csr.public_key().public_bytes(Encoding.X962, profile.PublicFormat.UncompressedPoint)  # type: ignore

    der = mine.public_bytes(Encoding.DER).replace(key_of(mine), key_of(theirs))
    return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    "bad",
    [
        request(rsa.generate_private_key(65537, 2048)),
        request(ec.generate_private_key(ec.SECP384R1())),
        request(profile.new_key(), *(f"h{n}.example" for n in range(9))),
        request(profile.new_key(), "*.example"),
        forged(),
        b"x" * (profile.CSR_LIMIT_BYTES + 1),
    ],
    ids=["RSA", "P-384", "many names", "wildcard", "forged", "oversized"],
)
def test_a_bad_request_is_refused(bad: bytes) -> None:
    with pytest.raises(Refused) as caught:
        profile.read_request(bad)
    assert caught.value.field == "csr_pem"


@settings(max_examples=40)
@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda cut: request_for(KEY)[: len(cut)] + cut))
def test_no_bytes_do_more_than_be_refused(noise: bytes) -> None:
    with pytest.raises(Refused):
        profile.read_request(noise)


KEY = new_key()


def test_the_servers_certificate_names_where_it_is_reached_and_is_renewed_in_time(tmp_path: Path) -> None:
    now = [NOW]
    authority = open_authority(tmp_path, lambda: now[0], ("slipway.example", "192.0.2.7"))
    _, chain, end = authority.server()
    shown, ca = x509.load_pem_x509_certificates(chain)
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["slipway.example"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]
    assert (ca, end) == (authority.certificate, NOW + timedelta(days=90))
    assert isinstance(from_authority(authority, clients=True), grpc.ServerCredentials)


def test_public_keys_are_those_of_certificates_that_hold(tmp_path: Path, catalogue: Catalogue) -> None:
    """Not of expired and not of revoked ones."""
    today = datetime.now(UTC)

    def enter(days_ago: float) -> bytes:
        authority = open_authority(tmp_path / "ca", lambda: today - timedelta(days=days_ago), ())
        row = profile.row(authority.enrol(profile.new_key().public_key(), "rover-7", Role.DEVICE), "rover-7")
        catalogue.write(identities.add_certificate, row, Role.DEVICE, int(today.timestamp()))
        return row.public_key.encode()

    _, first, second = enter(91), enter(60), enter(0)
    assert set(catalogue.read(identities.public_keys, "rover-7")) == {first, second}
    assert catalogue.read(identities.public_keys, "rover-8") == []
    catalogue.write(identities.revoke, "rover-7", 1)
    assert catalogue.read(identities.public_keys, "rover-7") == []


def test_an_outside_ca_makes_the_certificates_and_the_server_enrols_nobody(tmp_path: Path) -> None:
    """Its certificates are renewed on disk without a restart; who shows one is known and can be revoked."""
    outside = open_authority(tmp_path / "outside", lambda: datetime.now(UTC), ("localhost", "127.0.0.1"))
    paths = {name: tmp_path / f"{name}.pem" for name in ("tls_certificate", "tls_key", "tls_client_ca")}

    def write() -> bytes:
        key, chain, _ = outside.server()
        for name, content in zip(paths, (chain, key, outside.pem), strict=True):
            paths[name].write_bytes(content)
        return chain

    write()
    town = Town(tmp_path, **{name: str(path) for name, path in paths.items()})
    try:
        assert town.enrolment_address == ""
        assert not (tmp_path / "data" / "identity").exists()
        admin, device = (town.made(name, role, outside) for name, role in (("a", Role.ADMIN), ("d", Role.DEVICE)))
        listed = datasets_pb2.ListDatasetsRequest()
        assert refusal(lambda: device.datasets.ListDatasets(listed, timeout=TIMEOUT))[0] == "PERMISSION_DENIED"
        assert len(admin.datasets.ListDatasets(listed, timeout=TIMEOUT).datasets) == 0
        token = identities_pb2.CreateEnrolmentTokenRequest(identity_id="x", role=identities_pb2.DEVICE)
        code, info, status = refusal(lambda: admin.identities.CreateEnrolmentToken(token, timeout=TIMEOUT))
        assert (code, info.reason) == ("FAILED_PRECONDITION", "ENROLMENT_CLOSED")
        assert "another CA" in status.message
        admin.identities.RevokeIdentity(identity("d"), timeout=TIMEOUT)
        wait_for(lambda: _code(device, listed) == "UNAUTHENTICATED", 1.0)
        chain = write()
        wait_for(lambda: _shown(town) in chain.decode())
    finally:
        town.close()


def _code(person: object, request: object) -> str:
    return refusal(lambda: person.datasets.ListDatasets(request, timeout=TIMEOUT))[0]  # type: ignore[attr-defined]


def _shown(town: Town) -> str:
    import ssl

    host, _, port = town.address.rpartition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=TIMEOUT)


def test_a_lost_admin_gets_another_identity_at_the_next_start(tmp_path: Path, catalogue: Catalogue) -> None:
    """And as long as one has a certificate that is accepted, none is made."""
    config, folder = Config(data_folder=tmp_path), tmp_path / "identity" / "admin"
    assert open_security(config, catalogue).admin_folder == str(folder)
    first = (folder / "certificate.pem").read_bytes()
    assert open_security(config, catalogue).admin_folder == ""
    assert (folder / "certificate.pem").read_bytes() == first
    catalogue.write(identities.revoke, "admin", 1)
    assert open_security(config, catalogue).admin_folder == str(folder)
    assert (folder / "certificate.pem").read_bytes() != first
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
