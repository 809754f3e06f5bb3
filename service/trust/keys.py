"""Signing keys: ed25519 files that only their owner can read, or any key that securesystemslib reaches by a URI.

A private key is never printed, logged, or put into an error.
"""

import json
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from slipway.errors import Reason, Refused

PUBLIC_SUFFIX = ".pub.json"
KEY_LIMIT_BYTES = 64 << 10
PROBE = b"slipway: which key is this?"


def generate(path: Path) -> CryptoSigner:
    """Make a key: the private half in ``path`` (PKCS#8 PEM, mode 0600), the public half beside it.

    Raises:
        FileExistsError: a key is never overwritten.
    """
    signer = CryptoSigner.generate_ed25519()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(signer.private_bytes)
        file.flush()
        os.fsync(file.fileno())
    path.with_name(path.name + PUBLIC_SUFFIX).write_bytes(public_bytes(signer.public_key))
    return signer


def load(path: Path) -> CryptoSigner:
    """The signer whose private key lies in ``path``.

    Raises:
        Refused: FIELD_INVALID; others may read the file, or it holds no key.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise _invalid(path, f"others may use it (mode {mode:04o})", f"Run chmod 600 {path}.")
        pem = file.read(KEY_LIMIT_BYTES)
    try:
        return CryptoSigner(load_pem_private_key(pem, None))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # without its cause: a parser's words may quote what it read
        raise _invalid(path, "no private key in PKCS#8 PEM without a password", "Generate a key.") from None


def reach(uri: str, public: Key) -> Signer:
    """The signer behind a securesystemslib URI: a hardware token, a cloud's key service, or a path of a key file.

    Args:
        uri: "hsm:…", "gcpkms:…", "awskms:…", "azurekms:…"; without a colon the path of a file.
        public: its public half, as the metadata names it.

    Raises:
        Refused: FIELD_INVALID; no such scheme, or the key is another one.
    """
    if ":" not in uri:
        signer: Signer = load(Path(uri))
    else:
        try:
            signer = Signer.from_priv_key_uri(uri, public)
        except ValueError:
            scheme = uri.partition(":")[0]
            raise _invalid(f"{scheme}:…", "the key cannot be reached", "Check the address of the key.") from None
    if signer.public_key.keyid != public.keyid:
        raise _invalid(uri.partition(":")[0], f"it is not the key {public.keyid}", "Name the key of this role.")
    return signer


def reach_one(uri: str, publics: Iterable[Key]) -> Signer:
    """The signer behind a URI where metadata names several keys: a file says which one it is, the others have to show.

    Raises:
        Refused: FIELD_INVALID; it is none of them.
    """
    known = list(publics)
    for public in known:
        with suppress(Refused):
            signer = reach(uri, public)
            if _shows(signer, public):
                return signer
    words = " or ".join(key.keyid[:12] for key in known) or "nobody's"
    raise _invalid(uri.partition(":")[0], f"it is not the key of this role: {words}", "Name the key of this role.")


def _shows(signer: Signer, public: Key) -> bool:
    if isinstance(signer, CryptoSigner):  # its public half comes from the private one
        return True
    try:
        return public.verify_signature(signer.sign(PROBE), PROBE) is None
    except (UnverifiedSignatureError, VerificationError):
        return False


def public_bytes(key: Key) -> bytes:
    """The public half as JSON; ``public`` is its inverse."""
    return json.dumps({"keyid": key.keyid, **key.to_dict()}, indent=1, sort_keys=True).encode() + b"\n"


def public(data: bytes) -> Key:
    """Read a public key.

    Raises:
        Refused: FIELD_INVALID.
    """
    try:
        fields = json.loads(data)
        return SSlibKey.from_dict(fields.pop("keyid"), fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _invalid(
            "public key", f"cannot be read: {type(error).__name__}", "Send the file that was made."
        ) from error


def _invalid(found: object, problem: str, remedy: str) -> Refused:
    return Refused(Reason.FIELD_INVALID, field="key", problem=problem, found=found, remedy=remedy)
