"""Whether a device only installs what is signed. What checks signatures is loaded on such a device, and on no other."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.errors import Reason, Refused
from slipway.identity.folder import IN_CLEAR, UPDATE_ROOT

if TYPE_CHECKING:
    from slipway.edge.signed import Pieces, SignedUpdates

FOLDER = "trust"  # in the device's folder; it stays for the life of the device
PINNED = "pinned.json"  # there, as ``slipway.trust.root`` names it
ROOT_LIMIT_BYTES = 512_000


def trust_of(
    folder: Path, file: Callable[[str], bytes], pieces: "Pieces", root: Path | None = None
) -> "SignedUpdates | None":
    """What says which offers may be installed; None for a device that was never given a root.

    Args:
        folder: the device's.
        file: gives a metadata file by its name, such as ``Remote.repository_file``.
        pieces: gives a target from an offset on, such as ``Remote.pieces``.
        root: the root metadata to pin, at the first start.

    Raises:
        Refused: another root is pinned already, or what checks signatures is not installed.
        OSError: the disk.
    """
    place = folder / FOLDER
    if root is None and not place.exists():
        return None
    need_trust()
    from slipway.edge.signed import SignedUpdates
    from slipway.trust.pieces import PieceSource

    pin(folder, root)
    return SignedUpdates(place, PieceSource(file, pieces))


def first_root(folder: Path, root: Path | None, identity: str) -> Path | None:
    """The root to pin: the one that was given, or where none is pinned yet the one that came with the identity.

    Args:
        folder: of the device.
        root: that was given.
        identity: folder of the device's certificate; "" or "none" where it has none.
    """
    if root is not None or identity in ("", IN_CLEAR) or (folder / FOLDER / PINNED).exists():
        return root
    came = Path(identity) / UPDATE_ROOT
    return came if came.exists() else None


def pin(folder: Path, root: Path | None) -> None:
    """Pin the root metadata in the file ``root``, if there is one; the same one again changes nothing.

    Raises:
        Refused: as ``trust_of``.
        OSError: the disk, or the file.
    """
    if root is None:
        return
    need_trust()
    from slipway.trust.root import enrol

    with root.open("rb") as file:
        enrol(folder / FOLDER, file.read(ROOT_LIMIT_BYTES + 1))


def need_trust() -> None:
    """Refuse where the wheel was installed without its extra ``trust``: such a device must not install unchecked.

    Raises:
        Refused: FIELD_INVALID.
    """
    try:
        import tuf.ngclient  # noqa: F401
    except ImportError as error:
        words = {"problem": "what checks signatures is not installed", "found": error.name or str(error)}
        remedy = 'Install it: pip install "slipway[trust]".'
        raise Refused(Reason.FIELD_INVALID, field="root", **words, remedy=remedy) from error
