"""A bundle without what follows from its contents: sizes, hashes and the archive around the files do not travel.

For given contents there is one bundle, so they are enough to write it again.
"""

import json
import struct
from dataclasses import asdict
from typing import Any

from slipway.bundle.archive import pack, read
from slipway.bundle.manifest import Manifest, canonical, file_entry
from slipway.delta.container import malformed
from slipway.errors import Refused

_LENGTH = struct.Struct("<I")
_DERIVED = ("size_bytes", "sha256")


def take_apart(data: bytes) -> bytes | None:
    """The contents of a bundle: the manifest without sizes and hashes, then the files by name; None if it is none."""
    try:
        bundle = read(data)
    except Refused:
        return None
    manifest: dict[str, Any] = json.loads(bundle.manifest.to_bytes())
    for entry in manifest["files"].values():
        for key in _DERIVED:
            del entry[key]
    parts = [canonical(manifest), *(bundle.files[name] for name in sorted(bundle.files))]
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def put_together(contents: bytes) -> bytes:
    """The bundle of contents.

    Raises:
        Refused: DELTA_MALFORMED, or a reason of the bundle.
    """
    text, *data = _split(contents)
    try:
        manifest = json.loads(text)
        names = sorted(manifest["files"])
        rows = [(name, manifest["files"][name]["role"], file) for name, file in zip(names, data, strict=True)]
        made = {name: asdict(file_entry(role, file)) for name, role, file in rows}
        described = canonical(manifest | {"files": made})
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise malformed("delta.payload", f"its manifest is none ({type(error).__name__})") from error
    return pack(Manifest.from_bytes(described), {name: file for name, _, file in rows})


def files_of(contents: bytes) -> dict[str, tuple[int, int]]:
    """Where each file begins and ends in the contents."""
    (low, high), *places = _places(contents)
    names = sorted(json.loads(contents[low:high])["files"])
    return dict(zip(names, places, strict=True))


def _split(contents: bytes) -> list[bytes]:
    return [contents[low:high] for low, high in _places(contents)]


def _places(contents: bytes) -> list[tuple[int, int]]:
    """(start, stop) of the manifest, then of each file."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(contents) or not found:
        start = at + _LENGTH.size
        at = start + int.from_bytes(contents[at:start], "little")
        if at > len(contents) or start > len(contents):
            raise malformed("delta.payload", "its files end early")
        found.append((start, at))
    return found
