"""What the server shows and asks for when a connection begins; it is renewed without a restart."""

import logging
import os
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import grpc

from service.identity.authority import Authority
from service.identity.profile import SERVER_LIFETIME
from slipway.errors import Reason, Refused

log = logging.getLogger(__name__)


class Files(NamedTuple):
    """Paths of a certificate made elsewhere."""

    certificate: str  # PEM, with the chain
    key: str
    client_ca: str


def from_authority(authority: Authority, clients: bool) -> grpc.ServerCredentials:
    """Credentials out of the built-in CA: a new certificate when two thirds of the last one's time have passed.

    Args:
        clients: whether a client needs a certificate.
    """
    end: datetime | None = None

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        nonlocal end
        if end is not None and authority.clock() < end - SERVER_LIFETIME / 3:
            return None
        key, chain, end = authority.server()
        return grpc.ssl_server_certificate_configuration([(key, chain)], authority.pem)

    return _renewing(fetch, clients)


def from_files(files: Files) -> grpc.ServerCredentials:
    """Credentials out of files that somebody else renews.

    Raises:
        Refused: FIELD_INVALID.
    """
    seen: list[int] = []

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        nonlocal seen
        times = [os.stat(path).st_mtime_ns for path in files]
        if times == seen:
            return None
        certificate, key, client_ca = (_read(path) for path in files)
        made = grpc.ssl_server_certificate_configuration([(key, certificate)], client_ca)
        seen = times
        return made

    for name, path in zip(("tls_certificate", "tls_key", "tls_client_ca"), files, strict=True):
        _check(name, path)
    return _renewing(fetch, clients=True)


def _renewing(fetch: Callable[[], grpc.ServerCertificateConfiguration | None], clients: bool) -> grpc.ServerCredentials:
    lock = threading.Lock()

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        """Asked at every handshake; what cannot be renewed goes on as it is."""
        try:
            with lock:
                return fetch()
        except Exception:
            log.exception("cannot renew the server's certificate")
            return None

    first = fetch()
    assert first is not None
    fetcher: Any = renewed  # None, for "as before", is missing in its type
    return grpc.dynamic_ssl_server_credentials(first, fetcher, require_client_authentication=clients)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _check(field: str, path: str) -> None:
    try:
        good = b"-----BEGIN " in _read(path)
        problem = "the file is not PEM"
    except OSError as error:
        good, problem = False, f"the file cannot be read: {error.strerror}"
    if not good:
        remedy = "Give tls_certificate, tls_key and tls_client_ca together, each the path of a PEM file."
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=repr(path), remedy=remedy)
