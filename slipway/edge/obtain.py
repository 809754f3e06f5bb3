"""The shortest way to an offered bundle: it is here, or a delta leads to it, or all of it is downloaded."""

from dataclasses import replace

from slipway.edge import moves
from slipway.edge.fetch import Tell, fetch_bundle, fetch_delta
from slipway.edge.notebook import Notebook
from slipway.edge.offer import Delta, Offer
from slipway.edge.remote import Line
from slipway.edge.state import Installed, needed, remembered
from slipway.edge.store import DISK
from slipway.errors import Refused
from slipway.transport import ServerRefused


def obtain(notebook: Notebook, remote: Line, offer: Offer, tell: Tell) -> Installed:
    """The offered version; its bundle is among those here when this returns.

    Raises:
        Refused: its bytes are not the promised ones.
        ServerRefused, ServerUnreachable: as the remote says; what came of a download stays.
    """
    version, delta, store = offer.version, offer.delta, notebook.store
    if store.bundle(version.sha256).exists():
        return remembered(notebook.state, version)
    if delta is not None and _changed_by(notebook, remote, delta, offer, tell):
        return replace(version, delta_bytes=delta.size_bytes)
    fetch_bundle(store, remote, offer, tell)
    return version


def held(notebook: Notebook) -> list[str]:
    """SHA-256 of the bundles here, that a delta may start from."""
    return [sha256 for sha256 in needed(notebook.state) if notebook.store.bundle(sha256).exists()]


def base_of(notebook: Notebook, offer: Offer) -> str:
    """SHA-256 of the bundle here that the offered one is a change of; empty where there is none."""
    return offer.delta.base_sha256 if offer.delta and offer.delta.base_sha256 in held(notebook) else ""


def _changed_by(notebook: Notebook, remote: Line, delta: Delta, offer: Offer, tell: Tell) -> bool:
    """Try the delta, once for a version: whether its bundle is here now."""
    version = offer.version
    if version.sha256 in notebook.state.deltas_refused:
        return False
    try:
        fetch_delta(notebook.store, remote, offer, delta, held(notebook), tell)
        return True
    except (Refused, ServerRefused) as refusal:
        tell("delta_refused", version=version.version, reason=refusal.reason, message=str(refusal))
        notebook.move(moves.delta_refused, version, str(refusal))
        if isinstance(refusal, Refused) and refusal.field == DISK:
            notebook.store.bundle(delta.base_sha256).unlink(missing_ok=True)
        return False
