"""The folder of an identity, and the credentials out of it. Needs no cryptography: gRPC reads the files."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc

from slipway.durable import replace_file
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
    due_s: float = 0.0  # when it is to be renewed, in seconds since 1970; 0 where nobody noted it


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
    note(folder, named)
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


def note(folder: Path, named: Named) -> None:
    """Write whom the certificate names."""
    write(folder / NAMED, json.dumps(asdict(named)).encode())


def due_s(folder: Path) -> float:
    """When the certificate is to be renewed, in seconds since 1970; 0 where nobody noted it."""
    try:
        return float(json.loads((folder / NAMED).read_bytes())["due_s"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def write(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads; it is there whole or as it was, also after a power cut."""
    replace_file(path, content, mode=0o600)


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
