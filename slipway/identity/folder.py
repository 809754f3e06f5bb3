"""The folder of an identity, and the credentials out of it. Needs no cryptography: gRPC reads the files."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import grpc

from slipway.errors import Reason, Refused
from slipway.transport import LOOPBACK

KEY, CERTIFICATE, CA, UPDATE_ROOT, NAMED = "key.pem", "certificate.pem", "ca.pem", "update_root.json", "identity.json"
FILE_LIMIT_BYTES = 64 << 10
IN_CLEAR = "none"


@dataclass(frozen=True)
class Identity:
    """What a folder holds (PEM)."""

    key: bytes
    certificate: bytes
    ca: bytes


@dataclass(frozen=True)
class Named:
    """Whom the certificate names; kept beside it, so that an agent need not read X.509."""

    id: str
    role: str


def load(folder: Path) -> Identity:
    """Read an identity.

    Raises:
        Refused: IDENTITY_UNUSABLE.
    """
    return Identity(_read(folder, KEY), _read(folder, CERTIFICATE), _read(folder, CA))


def save(folder: Path, identity: Identity, named: Named, update_root: bytes = b"") -> None:
    """Write an identity. The certificate comes last: a folder without one is none."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    (folder / CERTIFICATE).unlink(missing_ok=True)
    write(folder / KEY, identity.key)
    write(folder / CA, identity.ca)
    write(folder / NAMED, json.dumps({"id": named.id, "role": named.role}).encode())
    if update_root:
        write(folder / UPDATE_ROOT, update_root)
    write(folder / CERTIFICATE, identity.certificate)


def owner_id(folder: Path) -> str:
    """The id in the certificate: what a device calls itself. Loads ``cryptography`` only where ``enrol`` was not used.

    Raises:
        Refused: IDENTITY_UNUSABLE.
    """
    try:
        return str(json.loads((folder / NAMED).read_bytes())["id"])
    except (OSError, ValueError, KeyError, TypeError):
        from slipway.identity.request import read_owner

        return read_owner(load(folder).certificate).id


def write(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads; it is there whole or as it was, also after a power cut."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def credentials(server: str, folder: str = "") -> grpc.ChannelCredentials | None:
    """What to show to ``server``: the certificate in ``folder``, or nothing on this machine or where "none" is said.

    Raises:
        Refused: IDENTITY_MISSING or IDENTITY_UNUSABLE.
    """
    if folder == IN_CLEAR or (not folder and server.startswith(LOOPBACK)):
        return None
    if not folder:
        raise Refused(Reason.IDENTITY_MISSING, field="identity", found=server)
    found = load(Path(folder))
    return grpc.ssl_channel_credentials(found.ca, found.key, found.certificate)


def _read(folder: Path, name: str) -> bytes:
    try:
        with (folder / name).open("rb") as file:
            content = file.read(FILE_LIMIT_BYTES)
    except OSError as error:
        remedy = "Enrol with `slipway identity enrol`, or name another folder."
        problem = f"{name} cannot be read ({error.strerror})"
        raise Refused(
            Reason.IDENTITY_UNUSABLE, field="identity", problem=problem, found=folder, remedy=remedy
        ) from None
    if b"-----BEGIN " not in content:
        remedy = "Restore it, or enrol again with a new token."
        problem = f"{name} is not PEM"
        raise Refused(Reason.IDENTITY_UNUSABLE, field="identity", problem=problem, found=folder, remedy=remedy)
    return content
