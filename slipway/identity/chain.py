"""The certificates that a server shows before anything is said to it."""

import hashlib
import socket
import ssl
from typing import Any

from slipway.errors import Reason, Refused
from slipway.transport import ServerUnreachable

TIMEOUT_S = 10.0
CHAIN_LIMIT = 8


def trusted_ca(address: str, ca_sha256: str, timeout_s: float = TIMEOUT_S) -> bytes:
    """The CA certificate (PEM) with the SHA-256 ``ca_sha256`` that the server at ``address`` shows in its chain.

    That the server's own certificate is signed by it, the next handshake has to see; nothing is sent here.

    Raises:
        Refused: SERVER_NOT_TRUSTED.
        ServerUnreachable: nobody answers there, or not in TLS.
    """
    for der in _chain(address, timeout_s)[:CHAIN_LIMIT]:
        if hashlib.sha256(der).hexdigest() == ca_sha256:
            return ssl.DER_cert_to_PEM_cert(der).encode()
    problem = f"no certificate that it shows has the SHA-256 {ca_sha256[:16]}…"
    raise Refused(Reason.SERVER_NOT_TRUSTED, field="server", name=address, problem=problem)


def _chain(address: str, timeout_s: float) -> list[bytes]:
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # there is nothing yet to verify by: the hash does it
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), timeout_s) as line,
            context.wrap_socket(line, server_hostname=host.strip("[]")) as shown,
        ):
            return _unverified_chain(shown)
    except (OSError, ValueError) as error:
        raise ServerUnreachable(address, str(getattr(error, "strerror", None) or error)) from error


def _unverified_chain(shown: Any) -> list[bytes]:
    """In DER. The method became public in Python 3.13."""
    if hasattr(shown, "get_unverified_chain"):
        return list(shown.get_unverified_chain() or ())
    der = 2  # _ssl.ENCODING_DER
    return [each.public_bytes(der) for each in shown._sslobj.get_unverified_chain() or ()]
