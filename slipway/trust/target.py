"""What signed metadata says about a file: its length and hash, and in ``custom`` what it is for."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuf.api.metadata import TargetFile

from slipway.bundle.archive import BUNDLE_LIMIT_BYTES
from slipway.delta import codec
from slipway.errors import Reason, Refused
from slipway.trust import refusals

HASH = re.compile(r"[0-9a-f]{64}")
SERIAL_LIMIT = 1 << 53  # JSON readers keep whole numbers up to here


@dataclass(frozen=True)
class SignedTarget:
    """A bundle that may be installed.

    Args:
        path: among the targets.
        sha256: of the file, hex.
        size_bytes: length of the file.
        version: "models/rover/versions/8".
        serial: rises with every version of a model that is signed.
    """

    path: str
    sha256: str
    size_bytes: int
    version: str
    serial: int


@dataclass(frozen=True)
class SignedDelta:
    """A file that makes a bundle out of another one (slipway/delta/SPEC.md).

    Args:
        base_sha256: of the bundle it starts from, hex.
        result_sha256: of the bundle it makes, hex.
    """

    path: str
    sha256: str
    size_bytes: int
    base_sha256: str
    result_sha256: str


def bundle(path: str, info: TargetFile, version: str) -> SignedTarget:
    """Read the entry of a bundle.

    Raises:
        Refused: it is another version's, or lacks what a bundle's entry has.
    """
    custom = _custom(path, info)
    serial = custom.get("serial")
    if custom.get("kind") != "bundle" or custom.get("version") != version:
        raise refusals.not_signed(path, f"what is signed there is not the bundle of {version}")
    if type(serial) is not int or not 0 < serial <= SERIAL_LIMIT:
        raise refusals.refused(f"the serial of {path} is {serial!r}", refusals.TARGET)
    return SignedTarget(path, _hash(path, info), _size(path, info), version, serial)


def delta(path: str, info: TargetFile, base_sha256: str, result: SignedTarget) -> SignedDelta:
    """Read the entry of a delta.

    Raises:
        Refused: it does not lead from the base to ``result``.
    """
    custom = _custom(path, info)
    if custom.get("kind") != "delta" or custom.get("base_sha256") != base_sha256:
        raise refusals.not_signed(path, f"what is signed there is no delta from {base_sha256}")
    if custom.get("result_sha256") != result.sha256:
        raise refusals.not_signed(path, f"the delta makes another file than the signed {result.sha256}")
    return SignedDelta(path, _hash(path, info), _size(path, info), base_sha256, result.sha256)


def rebuild(result: SignedTarget, base: bytes, packed: bytes) -> bytes:
    """Apply a delta; what comes out is the signed bundle or nothing, whatever the delta holds.

    Args:
        result: the signed entry of the whole bundle.
        base: the bundle on hand.
        packed: the delta.

    Raises:
        Refused: DELTA_MALFORMED, DELTA_BASE_DIFFERS, LIMIT_EXCEEDED or BUNDLE_HASH_MISMATCH.
    """
    made = codec.apply(base, packed, result.size_bytes)
    found = hashlib.sha256(made).hexdigest()
    if len(made) != result.size_bytes or found != result.sha256:
        raise Refused(
            Reason.BUNDLE_HASH_MISMATCH, field=refusals.TARGET, name=result.path, found=found, expected=result.sha256
        )
    return made


def _custom(path: str, info: TargetFile) -> Mapping[str, Any]:
    custom = info.custom
    if not isinstance(custom, Mapping):
        raise refusals.refused(f"{path} has no description", refusals.TARGET)
    return custom


def _hash(path: str, info: TargetFile) -> str:
    found = info.hashes.get("sha256", "")
    if set(info.hashes) != {"sha256"} or not HASH.fullmatch(found):
        raise refusals.refused(f"{path} is named by {sorted(info.hashes)}, not by SHA-256 alone", refusals.TARGET)
    return found


def _size(path: str, info: TargetFile) -> int:
    if not 0 < info.length <= BUNDLE_LIMIT_BYTES:
        raise Refused(Reason.LIMIT_EXCEEDED, field=f"{path}.length", found=info.length, limit=BUNDLE_LIMIT_BYTES)
    return int(info.length)
