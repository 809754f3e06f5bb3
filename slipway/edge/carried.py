"""An update that comes as a file: a line without a server, so that a device installs from it as from any other line."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from slipway.edge.offer import Offer
from slipway.edge.pinned import FOLDER, pin
from slipway.edge.signed import SignedUpdates
from slipway.edge.state import Installed
from slipway.edge.store import Store
from slipway.errors import Reason, Refused
from slipway.trust import names, refusals
from slipway.trust.offline import OfflineSource
from slipway.trust.target import SignedTarget


class Device(Protocol):
    """What ``slipway.edge.install.Installer`` does here."""

    def start(self) -> None:
        """Run what is installed."""
        ...

    def update(self) -> bool:
        """Install what the line offers."""
        ...


class CarriedLine:
    """Offers one version of a file, and nothing else.

    Args:
        file: open.
        offered: the version, as it is signed.
        serial: the move of the channel that the device knows: a file makes none.
    """

    def __init__(self, file: OfflineSource, offered: SignedTarget, serial: int) -> None:
        self._file = file
        self._offered = offered
        self._serial = serial
        self._names = {names.target_hash(name): name for name in sorted(file.names)}

    def offer(self, model: str, channel: str, held: Sequence[str] = (), *, device_id: str = "") -> Offer:
        """As ``Remote.offer``."""
        found = self._offered
        return Offer(Installed(found.version, found.sha256, self._serial), found.size_bytes)

    def pieces(self, sha256: str, offset: int) -> Iterator[tuple[int, bytes]]:
        """As ``Remote.pieces``."""
        name = self._names.get(sha256)
        if name is None:
            raise refusals.refused(f"the file lacks {sha256}, which is signed", refusals.TARGET)
        for data in self._file.read(name, offset):
            yield offset, data
            offset += len(data)

    def report(self, device_id: str, report: object) -> None:
        """Nobody hears it: the device keeps its reports until a server is in reach."""

    def report_health(self, device_id: str, health: object) -> None:
        """As ``report``."""


def install_offline(
    store: Store,
    path: Path,
    make: Callable[[Any, SignedUpdates], Device],
    *,
    model: str,
    channel: str,
    version: str = "",
    root: Path | None = None,
) -> bool:
    """Install from an offline file, under the device's own checks. Returns whether another version runs now.

    Args:
        store: the device's folder; its lock must be held.
        path: the file.
        make: an installer with this line and this trust.
        model, channel: "models/rover", "stable".
        version: "models/rover/versions/8"; empty: the one that was signed last of those in the file.
        root: the root metadata to pin, at the first start.

    Raises:
        Refused: it is not signed, expired, not in the file; the device is not enrolled; or as the installer says.
        OSError: the disk.
    """
    pin(store.folder, root)
    with OfflineSource(path) as file:
        trust = SignedUpdates(store.folder / FOLDER, file, carried=True)
        offered = _chosen(trust, file, model, version)
        device = make(CarriedLine(file, offered, _serial(store, f"{model}/channels/{channel}")), trust)
        device.start()
        return device.update()


def _chosen(trust: SignedUpdates, file: OfflineSource, model: str, version: str) -> SignedTarget:
    view = trust.look()
    wanted = [version] if version else _versions(file, model)
    if not wanted:
        raise Refused(Reason.VERSION_NOT_INSTALLABLE, field="file", name=f"a version of {model}")
    return max(map(view.bundle, wanted), key=lambda found: found.serial)


def _versions(file: OfflineSource, model: str) -> list[str]:
    """The versions of ``model`` whose bundles are in the file, by their names: what they are is checked later."""
    found = set()
    for name in file.names:
        folder, _, last = name.rpartition("/")
        if names.target_hash(name) and folder in (f"{names.TARGETS}/{model}/base", f"{names.TARGETS}/{model}/adapted"):
            version = f"{model}/versions/{last.split('.')[1]}"
            if names.VERSION.fullmatch(version):
                found.add(version)
    return sorted(found)


def _serial(store: Store, channel: str) -> int:
    try:
        state = store.read()
    except Refused:  # the installer sets it aside, and says so
        return 0
    return 0 if state is None else state.serials.get(channel, 0)
