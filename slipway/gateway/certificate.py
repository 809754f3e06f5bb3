"""What a gateway shows to its devices, and how it stays valid. They know it by the CA that enrolled them."""

import asyncio
import logging
from pathlib import Path

import grpc

from slipway.errors import Reason, Refused
from slipway.identity.folder import IN_CLEAR, load
from slipway.transport import LOOPBACK, ServerRefused, ServerUnreachable

LOOK_S = 86_400.0

log = logging.getLogger(__name__)


def to_devices(listen: str, folder: str) -> grpc.ServerCredentials | None:
    """Its certificate, and that everybody shows one; None in the clear: on this machine, or where "none" is said.

    Raises:
        Refused: IDENTITY_MISSING or IDENTITY_UNUSABLE.
    """
    if folder == IN_CLEAR or (not folder and listen.startswith(LOOPBACK)):
        return None
    if not folder:
        raise Refused(Reason.IDENTITY_MISSING, field="identity", found=listen)
    held = load(Path(folder))
    return grpc.ssl_server_credentials([(held.key, held.certificate)], held.ca, require_client_auth=True)


async def renewed(server: str, folder: str, look_s: float = LOOK_S) -> None:
    """Return once the certificate in ``folder`` was replaced by the next one; look once a day whether it is time."""
    while True:
        await asyncio.sleep(look_s)
        if folder and folder != IN_CLEAR and await asyncio.to_thread(_renew, server, Path(folder)):
            return


def _renew(server: str, folder: Path) -> bool:
    try:
        from slipway.identity.enrol import renew_if_due

        return renew_if_due(server, folder) is not None
    except (Refused, ServerRefused, ServerUnreachable) as error:
        log.warning("the certificate is not renewed: %s", error)
        return False
