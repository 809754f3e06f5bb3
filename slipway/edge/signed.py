"""A device with a pinned root installs what is signed and current, whatever its server offers.

Imported only on such a device: it loads python-tuf and cryptography, 14 MB of memory.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from slipway.edge.offer import Delta, Offer
from slipway.trust import refusals
from slipway.trust.pieces import Pieces as Pieces  # what ``pinned`` is given
from slipway.trust.source import Source
from slipway.trust.target import SignedTarget
from slipway.trust.view import View, refresh


def running_s() -> float:
    """Seconds that the device has run, sleep included; no one can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class SignedUpdates:
    """Looks at the repository anew for every offer, so that a frozen or expired one is noticed.

    Args:
        folder: prepared by ``slipway.trust.root.enrol``.
        source: the repository; not trusted.
        carried: whether the source is an offline file.
        clock: the device's; None where it has none.
        running: seconds by a clock that only rises; what passed between two looks counts where there is no clock.
    """

    def __init__(
        self,
        folder: Path,
        source: Source,
        *,
        carried: bool = False,
        clock: Callable[[], datetime | None] = lambda: datetime.now(UTC),
        running: Callable[[], float] = running_s,
    ) -> None:
        self._folder = folder
        self._source = source
        self._carried = carried
        self._clock = clock
        self._running = running
        self._looked_s = running()

    def look(self) -> View:
        """What is signed now.

        Raises:
            Refused, ServerRefused, ServerUnreachable, OSError: as ``slipway.trust.view.refresh``.
        """
        now_s = self._running()
        elapsed_s, self._looked_s = now_s - self._looked_s, now_s
        return refresh(self._folder, self._source, now=self._clock(), elapsed_s=elapsed_s, carried=self._carried)

    def check(self, offer: Offer, held: Sequence[str]) -> Offer:
        """``offer`` as it is signed: its length, and a delta from one of ``held`` (SHA-256) where one is signed.

        Raises:
            Refused: TARGET_NOT_SIGNED, METADATA_EXPIRED, METADATA_REFUSED, …
            ServerRefused, ServerUnreachable: as the line says.
        """
        view = self.look()
        bundle = view.bundle(offer.version.version)
        if bundle.sha256 != offer.version.sha256:
            problem = f"{offer.version.sha256} is offered, {bundle.sha256} is signed"
            raise refusals.not_signed(offer.version.version, problem)
        return replace(offer, size_bytes=bundle.size_bytes, delta=_delta(view, bundle, held))


def _delta(view: View, bundle: SignedTarget, held: Sequence[str]) -> Delta | None:
    if bundle.sha256 in held:  # nothing needs to travel
        return None
    found = view.delta(bundle, held)
    if found is None or found.size_bytes >= bundle.size_bytes:
        return None
    return Delta(found.sha256, found.size_bytes, found.base_sha256)
