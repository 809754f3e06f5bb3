"""Write the one file that brings an update to a device without a network (``slipway.trust.offline`` reads it)."""

import os
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import Root, Snapshot, Targets

from service.trust.entries import model_of
from service.trust.files import Files
from service.trust.mirror import Read
from service.trust.repository import Repository, roots
from service.trust.roles import Lifetimes, State
from slipway.errors import Reason, Refused
from slipway.trust import names
from slipway.trust.offline import FILE_LIMIT_BYTES

DATE = (1980, 1, 1, 0, 0, 0)
MODE = 0o100644 << 16


def write(
    path: Path,
    repository: Repository,
    files: Files,
    content: Read,
    versions: Iterable[str],
    now: datetime,
    lifetimes: Lifetimes,
) -> State:
    """Put versions, their deltas and what proves them into one file.

    Args:
        path: of the file; put in place whole.
        repository, files, content: what is published, where it lies, and its blobs.
        versions: "models/rover/versions/8", …
        lifetimes: how long the file's snapshot and timestamp hold. A shorter-lived role in it ends earlier.

    Returns:
        The state that is in the file.

    Raises:
        Refused: VERSION_NOT_INSTALLABLE for a version that is not signed, LIMIT_EXCEEDED.
    """
    wanted = tuple(versions)
    found = {name: size for each in wanted for name, size in _targets(repository.state(), each).items()}
    size_bytes = sum(found.values())
    if size_bytes > FILE_LIMIT_BYTES // 2:
        raise Refused(Reason.LIMIT_EXCEEDED, field="versions", found=size_bytes, limit=FILE_LIMIT_BYTES // 2)
    state = repository.carry(now, lifetimes)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, data in _metadata(state, files, wanted):
                archive.writestr(_info(name), data)
            for name in sorted(found):
                archive.writestr(_info(name), b"".join(content(names.target_hash(name) or "", 0)))
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    return state


def _targets(state: State, version: str) -> dict[str, int]:
    """Sizes of the files of a version, by name."""
    places = (names.base_path(version), names.adapted_path(version))
    prefixes = tuple(place.removesuffix(".slipway") + "/" for place in places)
    found = {
        names.target_name(path, info.hashes["sha256"]): info.length
        for each in state.targets.values()
        for path, info in each.signed.targets.items()
        if path in places or path.startswith(prefixes)
    }
    if not found:
        raise Refused(Reason.VERSION_NOT_INSTALLABLE, field="versions", name=version)
    return found


def _metadata(state: State, files: Files, versions: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for number, data in enumerate(roots(files), 1):
        yield names.metadata_name(Root.type, number), data
    assert state.snapshot is not None and state.timestamp is not None
    yield names.TIMESTAMP, state.timestamp.to_bytes()
    yield names.metadata_name(Snapshot.type, state.snapshot.signed.version), state.snapshot.to_bytes()
    for role in sorted({Targets.type, *(names.role(model_of(each)) for each in versions)} & set(state.targets)):
        metadata = state.targets[role]
        yield names.metadata_name(role, metadata.signed.version), metadata.to_bytes()


def _info(name: str) -> zipfile.ZipInfo:
    """The same contents give the same file."""
    found = zipfile.ZipInfo(name, DATE)
    found.create_system, found.external_attr = 3, MODE
    return found
