"""The root metadata that a device was enrolled with: all its trust comes from there."""

from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from slipway.durable import replace_file
from slipway.trust import refusals

FILE = "pinned.json"
ROOT_LIMIT_BYTES = 512_000


def enrol(folder: Path, root: bytes) -> None:
    """Pin the root metadata that came with the enrolment; once for the life of the device.

    Args:
        folder: made if need be; what a device knows of signatures is kept here.
        root: any version of it, as it was published.

    Raises:
        Refused: it does not sign itself, or another one is pinned already.
        OSError: the disk.
    """
    _check(root)
    path = folder / FILE
    if path.exists() and path.read_bytes() != root:
        raise refusals.refused(f"{path} pins another root already", refusals.ROOT)
    (folder / "metadata").mkdir(parents=True, exist_ok=True)
    replace_file(path, root)


def pinned(folder: Path) -> bytes:
    """What ``enrol`` has pinned.

    Raises:
        Refused: nothing is.
    """
    try:
        with (folder / FILE).open("rb") as file:
            return file.read(ROOT_LIMIT_BYTES)
    except FileNotFoundError as error:
        raise refusals.refused("no root is pinned; enrol the device first", refusals.ROOT) from error


def _check(root: bytes) -> None:
    if len(root) > ROOT_LIMIT_BYTES:
        raise refusals.refused(f"{len(root)} bytes, {ROOT_LIMIT_BYTES} are allowed", refusals.ROOT)
    try:
        metadata: Metadata[Root] = Metadata.from_bytes(root)
        if metadata.signed.type != Root.type:
            raise refusals.refused(f"it is the metadata of {metadata.signed.type}", refusals.ROOT)
        metadata.signed.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
    except RepositoryError as error:
        raise refusals.refused(f"{type(error).__name__}: {error}", refusals.ROOT) from error
