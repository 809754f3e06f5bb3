"""What is signed about a file: entries of bundles and deltas, as targets metadata holds them."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tuf.api.metadata import TargetFile

from slipway.bundle.archive import BUNDLE_LIMIT_BYTES
from slipway.errors import Reason, Refused
from slipway.trust import names
from slipway.trust.target import HASH, SERIAL_LIMIT


@dataclass(frozen=True)
class Content:
    """A file by its hash (hex) and length; where its bytes lie is not a repository's business."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class DeltaContent:
    """A delta and the hash (hex) of the bundle that it starts from."""

    content: Content
    base_sha256: str


@dataclass(frozen=True)
class NewVersion:
    """A version to be signed.

    Args:
        version: "models/rover/versions/8".
        serial: more than any serial of this model that was signed before.
        bundle: its bundle.
        deltas: smaller ways to the same bundle.
    """

    version: str
    serial: int
    bundle: Content
    deltas: tuple[DeltaContent, ...] = ()


def content_of(data: bytes) -> Content:
    """Hash and length of ``data``."""
    return Content(hashlib.sha256(data).hexdigest(), len(data))


def base_entries(new: NewVersion) -> dict[str, TargetFile]:
    """The entries of a base version, by path.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED.
    """
    return _entries(names.base_path(new.version), new)


def adapted_entries(new: NewVersion) -> dict[str, TargetFile]:
    """The entries of an adapted version, by path.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED.
    """
    return _entries(names.adapted_path(new.version), new)


def model_of(version: str) -> str:
    """The model ("rover") of a version.

    Raises:
        Refused: FIELD_INVALID.
    """
    names.base_path(version)
    return version.split("/")[1]


def serial_of(targets: Iterable[Mapping[str, TargetFile]], model: str) -> int:
    """The highest serial that was signed for ``model``; 0 where none was."""
    found = [
        int(info.custom["serial"])
        for each in targets
        for path, info in each.items()
        if path.startswith(f"models/{model}/") and info.custom and "serial" in info.custom
    ]
    return max(found, default=0)


def _entries(path: str, new: NewVersion) -> dict[str, TargetFile]:
    if not 0 < new.serial <= SERIAL_LIMIT:
        raise _invalid("serial", "needs 1 or more", new.serial)
    custom: dict[str, Any] = {"kind": "bundle", "version": new.version, "serial": new.serial}
    found = {path: _entry(path, new.bundle, custom)}
    for delta in new.deltas:
        if not HASH.fullmatch(delta.base_sha256):
            raise _invalid("base_sha256", "needs 64 lower-case hexadecimal digits", delta.base_sha256)
        custom = {"kind": "delta", "base_sha256": delta.base_sha256, "result_sha256": new.bundle.sha256}
        place = names.delta_path(path, delta.base_sha256)
        found[place] = _entry(place, delta.content, custom)
    return found


def _entry(path: str, content: Content, custom: dict[str, Any]) -> TargetFile:
    if not HASH.fullmatch(content.sha256):
        raise _invalid("sha256", "needs 64 lower-case hexadecimal digits", content.sha256)
    if not 0 < content.size_bytes <= BUNDLE_LIMIT_BYTES:
        raise Refused(Reason.LIMIT_EXCEEDED, field="size_bytes", found=content.size_bytes, limit=BUNDLE_LIMIT_BYTES)
    return TargetFile(content.size_bytes, {"sha256": content.sha256}, path, {"custom": custom})


def _invalid(field: str, problem: str, found: object) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=repr(found), remedy="Correct the value.")
