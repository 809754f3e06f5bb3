"""Keys, certificate requests, and what a certificate says. Loads ``cryptography``: import it to enrol or renew only."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from slipway.errors import Reason, Refused

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
    from cryptography.x509.oid import NameOID
except ModuleNotFoundError:
    problem, remedy = "the package cryptography is missing", "Install slipway[trust]."
    words = {"problem": problem, "found": "this environment", "remedy": remedy}
    raise Refused(Reason.IDENTITY_UNUSABLE, field="identity", **words) from None


INTERNAL = ".slipway.internal"  # names that the server gives by itself


@dataclass(frozen=True)
class Owner:
    """What a certificate says of its owner, and the time in which it holds (UTC)."""

    id: str
    role: str
    serial_number: str
    begin: datetime
    end: datetime

    @property
    def due(self) -> datetime:
        """When two thirds of its time have passed: then it is renewed."""
        return self.begin + (self.end - self.begin) * 2 / 3

    def left(self, now: datetime) -> timedelta:
        """Time for which it still holds."""
        return self.end - now


def new_key() -> bytes:
    """An ECDSA P-256 key (PEM); it never leaves this machine."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def request_for(key_pem: bytes, names: Sequence[str] = ()) -> bytes:
    """A certificate request (PKCS#10, PEM) for a key; whose it is, the server knows.

    Args:
        names: host names and addresses by which a gateway's devices reach it.
    """
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_general, names))), critical=False)
    return builder.sign(_key(key_pem), hashes.SHA256()).public_bytes(Encoding.PEM)


def read_owner(certificate_pem: bytes) -> Owner:
    """What a certificate says.

    Raises:
        Refused: IDENTITY_UNUSABLE.
    """
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        common, unit = (_one(certificate, oid) for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME))
    except ValueError:
        raise _unusable("the certificate names no id and role") from None
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Owner(common, unit, f"{certificate.serial_number:x}", begin, end)


def belong_together(key_pem: bytes, certificate_pem: bytes) -> bool:
    """Whether a certificate is that of a key."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
    except ValueError:
        return False
    return certificate.public_key() == _key(key_pem).public_key()


def _key(key_pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _unusable("the key cannot be read")
    return key


def _unusable(problem: str) -> Refused:
    words = {"problem": problem, "found": "the folder", "remedy": "Enrol again with a new token."}
    return Refused(Reason.IDENTITY_UNUSABLE, field="identity", **words)


def names_of(certificate_pem: bytes) -> tuple[str, ...]:
    """Host names and addresses in a certificate that holds."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    hosts = [name for name in found.get_values_for_type(x509.DNSName) if not name.endswith(INTERNAL)]
    return (*hosts, *map(str, found.get_values_for_type(x509.IPAddress)))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _one(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    (found,) = certificate.subject.get_attributes_for_oid(oid)
    return str(found.value)
