"""An offered bundle comes among the bundles here: whole, or by a delta from one of them."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from slipway import ranged
from slipway.edge.offer import Delta, Offer, check_delta
from slipway.edge.remote import Line
from slipway.edge.store import DISK, Store
from slipway.errors import Reason, Refused

Tell = Callable[..., None]  # tell("installed", version=…, …)


def fetch_bundle(store: Store, remote: Line, offer: Offer, tell: Tell) -> None:
    """Download all of it. What came stays where the line breaks.

    Raises:
        Refused: its bytes are not the promised ones; the field is ``ranged.DOWNLOAD``.
        ServerRefused, ServerUnreachable: as the remote says.
    """
    version = offer.version
    _download(store, remote, version.sha256, offer.size_bytes, partial(tell, "downloading", version=version.version))
    store.admit(version.sha256)


def fetch_delta(store: Store, remote: Line, offer: Offer, delta: Delta, held: Sequence[str], tell: Tell) -> None:
    """Download what changes a bundle here into the offered one, and change it. What came stays where the line breaks.

    Args:
        held: SHA-256 of the bundles here.

    Raises:
        Refused: whatever is wrong with the delta, as the whole bundle is still to be had. The field is ``DISK`` where
            the bundle that it starts from is no longer what once came.
        ServerRefused, ServerUnreachable: as the remote says.
    """
    check_delta(delta, held, offer.size_bytes)
    version = offer.version
    _download(
        store, remote, delta.sha256, delta.size_bytes, partial(tell, "downloading_delta", version=version.version)
    )
    store.complete(version.sha256, _changed(store, offer, delta))
    store.admit(version.sha256)


def _download(store: Store, remote: Line, sha256: str, size_bytes: int, tell: Tell) -> None:
    def pieces(offset: int) -> Iterable[tuple[int, bytes]]:
        tell(offset=offset, size_bytes=size_bytes)
        return remote.pieces(sha256, offset)

    ranged.fetch(store.part(sha256), pieces, size_bytes=size_bytes, sha256=sha256)


def _changed(store: Store, offer: Offer, delta: Delta) -> bytes:
    """The offered bundle, from its base and a delta whose download is complete."""
    from slipway.delta import codec, container  # they load zstd: 2 MB

    base = _base(store, delta)
    packed = store.part(delta.sha256).read_bytes()
    try:
        data = codec.apply(base, packed, limit_bytes=offer.size_bytes)
    except Refused:
        raise
    except Exception as error:  # MemoryError too: the whole bundle needs less
        raise container.malformed("delta", f"{type(error).__name__}: {error}") from error
    if len(data) != offer.size_bytes or hashlib.sha256(data).hexdigest() != offer.version.sha256:
        problem = f"it leads to another bundle than that of {offer.version.version}"
        raise container.malformed("delta.result_sha256", problem)
    return data


def _base(store: Store, delta: Delta) -> bytes:
    try:
        return store.content(delta.base_sha256)
    except OSError as error:
        name, problem = store.bundle(delta.base_sha256).name, error.strerror or error
        raise Refused(Reason.BUNDLE_UNUSABLE, field=DISK, name=name, problem=problem) from error
