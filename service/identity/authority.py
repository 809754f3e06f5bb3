"""The built-in CA: a key and a certificate in the data folder, made when the server first speaks TLS."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from service.identity import profile
from service.identity.values import Role
from slipway.errors import Reason, Refused
from slipway.identity.folder import write

KEY_FILE, CERTIFICATE_FILE = "ca-key.pem", "ca.pem"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Authority:
    """A CA that can sign.

    Attributes:
        clock: tells the time.
        names: by which clients reach the server; no gateway gets one of them, but for those of its own machine.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    clock: Callable[[], datetime]
    names: tuple[str, ...] = ()

    @property
    def pem(self) -> bytes:
        """The CA's certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def sha256(self) -> str:
        """Of the CA's certificate (DER), hexadecimal."""
        return profile.sha256(self.certificate)

    def enrol(
        self, public_key: ec.EllipticCurvePublicKey, identity_id: str, role: Role, names: Sequence[str] = ()
    ) -> x509.Certificate:
        """A certificate for an identity's key.

        Raises:
            Refused: FIELD_INVALID, for a gateway that would be called as the server is.
        """
        taken = sorted({*names} & {*self.names} - {*LOOPBACK_NAMES})
        if role == Role.GATEWAY and taken:
            words = {"problem": "the server itself is called so", "found": taken[0], "remedy": "Ask for other names."}
            raise Refused(Reason.FIELD_INVALID, field="csr_pem", **words)
        now = self.clock()
        return profile.identity_certificate(public_key, identity_id, role, names, self.certificate, self.key, now)

    def server(self) -> tuple[bytes, bytes, datetime]:
        """(key, certificate chain, end of the certificate's time) for a server; a new key each time."""
        key = profile.new_key()
        made = profile.server_certificate(key.public_key(), self.names, self.certificate, self.key, self.clock())
        return key_pem(key), made.public_bytes(Encoding.PEM) + self.pem, made.not_valid_after_utc


def open_authority(folder: Path, clock: Callable[[], datetime], names: tuple[str, ...]) -> Authority:
    """The CA in ``folder``, made if it is not there.

    Raises:
        Refused: FIELD_INVALID, where its files cannot be used.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_path, certificate_path = folder / KEY_FILE, folder / CERTIFICATE_FILE
    if not key_path.exists():
        write(key_path, key_pem(profile.new_key()))
    key = _private_key(key_path)
    if not certificate_path.exists():
        made = profile.ca_certificate(key, clock())
        write(certificate_path, made.public_bytes(Encoding.PEM))
    certificate = _certificate(certificate_path)
    if certificate.public_key() != key.public_key():
        raise _unusable(certificate_path, f"it is not that of the key in {KEY_FILE}")
    return Authority(certificate, key, clock, names)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as it is kept (PKCS#8)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise _unusable(path, f"it cannot be read ({type(error).__name__})") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _unusable(path, "it is no key of an elliptic curve")
    return key


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise _unusable(path, "it cannot be read") from None


def _unusable(path: Path, problem: str) -> Refused:
    remedy = "Restore the folder of identities from a backup, or remove it: everybody then has to enrol anew."
    return Refused(Reason.FIELD_INVALID, field="identity", problem=problem, found=path, remedy=remedy)
