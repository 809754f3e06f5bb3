"""The X.509 profile (RFC 5280): who is whose, for how long, and for what. ECDSA P-256 with SHA-256 throughout.

Of an identity the subject's common name is the id and its organisational unit the role.
"""

import hashlib
import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from service.identity.values import MACHINES, Caller, Certificate, Role
from slipway.errors import Reason, Refused
from slipway.spec import check_name

CSR_LIMIT_BYTES = 16 << 10
NAME_LIMIT = 8
HOST = re.compile(r"[a-z0-9:][a-z0-9.:_-]{0,252}")  # no wildcard
CA_LIFETIME = timedelta(days=20 * 365)
SERVER_LIFETIME = timedelta(days=90)
LIFETIMES = {role: timedelta(days=90 if role in MACHINES else 365) for role in Role}
GATEWAY_SUFFIX = ".gateway.slipway.internal"  # no server is called so: a gateway cannot pass for one
BEFORE = timedelta(hours=1)  # clocks of devices are behind


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh key."""
    return ec.generate_private_key(ec.SECP256R1())


def ca_certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """The certificate of a CA that may sign certificates of identities and servers, and no other CA's."""
    name = _name(f"Slipway CA {x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:12]}")
    builder = _builder(name, name, key.public_key(), now, CA_LIFETIME, ca=True)
    return builder.sign(key, hashes.SHA256())


def server_certificate(
    public_key: ec.EllipticCurvePublicKey,
    names: Sequence[str],
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """A certificate for a server that is reached by ``names``: host names and addresses."""
    builder = _builder(_name("slipway-server"), issuer.subject, public_key, now, SERVER_LIFETIME)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    return _signed(builder, issuer, issuer_key)


def identity_certificate(
    public_key: ec.EllipticCurvePublicKey,
    identity_id: str,
    role: Role,
    names: Sequence[str],
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """A certificate by which somebody is known; by a gateway's, its devices know it under ``names`` as well."""
    builder = _builder(_name(identity_id, role), issuer.subject, public_key, now, LIFETIMES[role])
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if role == Role.GATEWAY:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        alternatives = [_general(name) for name in (identity_id + GATEWAY_SUFFIX, *names)]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return _signed(builder, issuer, issuer_key)


def read_request(csr_pem: bytes) -> tuple[ec.EllipticCurvePublicKey, tuple[str, ...]]:
    """(public key, names that a gateway wishes to be reached by) of a certificate request; no more is looked at.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED.
    """
    if len(csr_pem) > CSR_LIMIT_BYTES:
        raise Refused(Reason.LIMIT_EXCEEDED, field="csr_pem", found=f"{len(csr_pem)} bytes", limit=CSR_LIMIT_BYTES)
    try:
        request = x509.load_pem_x509_csr(csr_pem)
        key = request.public_key()
        good = request.is_signature_valid
        names = _alternatives(request)
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.DuplicateExtension):
        raise _bad_request("it cannot be read") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _bad_request("its key is not of the curve P-256")
    if not good:
        raise _bad_request("it is not signed by its own key")
    if len(names) > NAME_LIMIT or not all(map(HOST.fullmatch, names)):
        raise _bad_request(f"it asks for more than {NAME_LIMIT} names, or for names that are none of a host")
    return key, names


def read_caller(pem: bytes) -> tuple[Caller, Certificate]:
    """Who a certificate says its owner is. That it is genuine and in its time, the handshake has seen.

    Raises:
        Refused: CERTIFICATE_REFUSED.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        identity_id = check_name(_one(certificate, NameOID.COMMON_NAME), "certificate")
        role = Role(_one(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME))
    except ValueError:  # Refused is one
        problem = "its subject names no id (CN) and role (OU)"
        raise Refused(Reason.CERTIFICATE_REFUSED, field="certificate", problem=problem) from None
    kept = row(certificate, identity_id)
    return Caller(identity_id, role, kept.sha256, kept.expire_us), kept


def row(certificate: x509.Certificate, identity_id: str) -> Certificate:
    """What the catalogue keeps of a certificate."""
    return Certificate(
        sha256=sha256(certificate),
        identity_id=identity_id,
        serial_number=f"{certificate.serial_number:x}",
        public_key=certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        expire_us=int(certificate.not_valid_after_utc.timestamp()) * 1_000_000,
    )


def sha256(certificate: x509.Certificate) -> str:
    """Of the DER form, hexadecimal."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def moment(time_us: int) -> datetime:
    """Microseconds since 1970 as a date."""
    return datetime.fromtimestamp(time_us / 1e6, UTC)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
    ca: bool = False,
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder, issuer: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    issuer_key = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key)
    return builder.add_extension(authority, critical=False).sign(key, hashes.SHA256())


def _name(common: str, unit: str = "") -> x509.Name:
    units = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)] if unit else []
    return x509.Name([*units, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _alternatives(request: x509.CertificateSigningRequest) -> tuple[str, ...]:
    try:
        asked = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = asked.get_values_for_type(x509.IPAddress)
    return (*map(str.lower, asked.get_values_for_type(x509.DNSName)), *map(str, addresses))


def _one(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    if len(found) != 1:
        raise ValueError(oid)
    return str(found[0].value)


def _bad_request(problem: str) -> Refused:
    remedy = "Send a PKCS#10 request in PEM for an ECDSA P-256 key; `slipway identity enrol` makes one."
    return Refused(Reason.FIELD_INVALID, field="csr_pem", problem=problem, found="a certificate request", remedy=remedy)
