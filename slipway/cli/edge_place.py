"""Where a device stands and whom it asks, and the installer that works there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from slipway.cli.edge_view import teller
from slipway.errors import Refused

if TYPE_CHECKING:
    from slipway.edge.install import Installer
    from slipway.edge.remote import Remote
    from slipway.edge.renewal import Renewal


@dataclass(frozen=True)
class Place:
    """Where a device stands, and whom it asks."""

    folder: Path
    server: str
    identity: str
    model: str
    channel: str
    device: str
    root: Path | None
    as_json: bool
    renew_at: str = ""


@contextmanager
def installer_at(place: Place) -> "Iterator[Installer]":
    """An installer in its folder. However a command ends that says why, the model that was started is not to blame."""
    from slipway.edge.memory import be_lean

    be_lean()  # before the next lines load NumPy
    from slipway.edge.clock import at_least
    from slipway.edge.install import Installer
    from slipway.edge.pinned import first_root, trust_of
    from slipway.edge.remote import Remote
    from slipway.edge.reporting import key_of
    from slipway.edge.store import Store
    from slipway.identity.folder import credentials
    from slipway.spec import check_name
    from slipway.transport import ServerRefused, ServerUnreachable

    name = "models/" + check_name(place.model.removeprefix("models/"), "--model")
    check_name(place.channel, "--channel")
    device = _device_id(place)
    store, folder = Store(place.folder), place.folder
    with store.locked():
        clock = at_least(folder)
        remote = Remote(place.server, credentials(place.server, place.identity), key_of(place.identity), clock)
        try:
            root = first_root(folder, place.root, place.identity)
            trust = trust_of(folder, remote.repository_file, remote.pieces, root)
            tell = teller(place.as_json)
            installer = Installer(
                store, remote, model=name, channel=place.channel, tell=tell, device_id=device, trust=trust, clock=clock
            )
            try:
                yield installer
            except (typer.Exit, SystemExit, OSError, Refused, ServerRefused, ServerUnreachable):
                installer.end()
                raise
            installer.end()
        finally:
            remote.close()


def renewal_of(place: Place, remote: "Remote", installer: "Installer") -> "Renewal | None":
    """What keeps the certificate valid, where there is one."""
    from slipway.edge.renewal import Renewal
    from slipway.identity.folder import IN_CLEAR

    if place.identity in ("", IN_CLEAR):
        return None
    server = place.renew_at or place.server
    return Renewal(Path(place.identity), server, remote.show, installer.tell, clock=installer.clock)


def _device_id(place: Place) -> str:
    """The id that was given, or that of the certificate; empty where the folder's own shall do."""
    from slipway.identity.folder import IN_CLEAR, owner_id
    from slipway.spec import check_name

    if place.device:
        return check_name(place.device, "--device")
    return owner_id(Path(place.identity)) if place.identity not in ("", IN_CLEAR) else ""
