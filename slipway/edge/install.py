"""How a version comes in: offer → download → verify → self-test → switch → report.

Where the server knows a delta from a bundle that is here, that is downloaded in place of the bundle. What it makes is
admitted as a download is; whatever is wrong with it, the whole bundle follows at once. A candidate comes the same way,
and runs beside until the channel points at it. What answers then, and after a start, is up to ``slots``.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from slipway import ranged
from slipway.edge import moves
from slipway.edge.fetch import Tell
from slipway.edge.health import boot_loop
from slipway.edge.live import Live, load
from slipway.edge.memory import give_back
from slipway.edge.notebook import Notebook
from slipway.edge.obtain import base_of, held, obtain
from slipway.edge.offer import Offer
from slipway.edge.outbox import deliver
from slipway.edge.remote import Line
from slipway.edge.slots import Slots
from slipway.edge.stage import Rehearse, staged
from slipway.edge.state import State, remembered
from slipway.edge.store import DISK, Store
from slipway.errors import Reason, Refused
from slipway.transport import ServerRefused, ServerUnreachable


class Trust(Protocol):
    """Says which offers may be installed: ``slipway.edge.signed`` on a device with a pinned root."""

    def check(self, offer: Offer, held: Sequence[str]) -> Offer:
        """``offer`` as it is signed: its length, and a delta from one of ``held`` (SHA-256) where one is signed.

        Raises:
            Refused: it is not signed, or what is signed cannot be trusted now.
            ServerRefused, ServerUnreachable: as the line says.
        """
        ...


class Installer:
    """Owns a device's state, and keeps what runs there up to date.

    Args:
        store: the folder; its lock must be held.
        remote: the server.
        model: "models/rover".
        channel: "stable".
        tell: told what happens, in one word and some values.
        device_id: replaces the id that the folder remembers.
        trust: what has to agree to every offer.
        clock: seconds since 1970.

    ``rehearse`` is called with the candidate that is to run beside, or None; without it candidates are not fetched.
    """

    def __init__(
        self,
        store: Store,
        remote: Line,
        *,
        model: str,
        channel: str,
        tell: Tell,
        device_id: str = "",
        trust: Trust | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.remote = remote
        self.model = model
        self.channel = channel
        self.tell = tell
        self.trust = trust
        self.unsigned = False  # something of the last offer was not signed: it may be soon
        self.rehearse: Rehearse | None = None
        self.notebook = Notebook(store, tell, device_id)
        self.slots = Slots(self.notebook, tell)
        self.clock = clock
        self._sending = threading.Lock()
        self._check_model()

    @property
    def state(self) -> State:
        """What the device knows."""
        return self.notebook.state

    @property
    def live(self) -> Live | None:
        """What answers now."""
        return self.slots.live

    def start(self) -> None:
        """Run what is installed; where it does not start well and there is no other, ask for another version first."""
        self.slots.start(self._ask)

    def end(self) -> None:
        """Say that this process ends well: its start is not counted."""
        self.slots.end()

    def update(self) -> bool:
        """Ask once and install what is offered. Returns whether another version runs now.

        Raises:
            Refused: the offer or its bundle is no good; what ran before runs on.
            ServerRefused, ServerUnreachable: as the remote says; what came of a download stays.
        """
        here, self.unsigned = held(self.notebook), False
        offer = self.remote.offer(self.model, self.channel, here, device_id=self.state.device_id)
        offer = self._trusted(offer)
        self.notebook.move(moves.seen, f"{self.model}/channels/{self.channel}", offer.version.serial)
        try:
            changed = self._install(offer)
        except Refused:
            self._stage(offer)
            raise
        self._stage(offer)
        return changed

    def report(self) -> None:
        """Deliver what the server does not know yet.

        Raises:
            ServerRefused, ServerUnreachable: it is to be said again later.
        """
        with self._sending:
            deliver(self.notebook, self.remote, self.tell)

    def _install(self, offer: Offer) -> bool:
        version = offer.version
        with self.notebook.lock:
            if self.live is not None and version.sha256 == self.live.version.sha256:
                self.slots.switch(Live(remembered(self.state, version), self.live.runtime))
                return False
            self.slots.check(version)
        base = base_of(self.notebook, offer)
        live = self._bring(offer)
        self.slots.switch(live, base if base in held(self.notebook) else "")
        give_back()
        size, delta = offer.size_bytes, live.version.delta_bytes or None
        self.tell("installed", version=version.version, size_bytes=size, sha256=version.sha256, delta_bytes=delta)
        return True

    def _bring(self, offer: Offer) -> Live:
        version = offer.version
        self.store.tidy(self.state, version.sha256, offer.delta.sha256 if offer.delta else "")
        try:
            found = obtain(self.notebook, self.remote, offer, self.tell)
            looping = boot_loop(version.version, self.state.starts.get(version.sha256, 0))
            if looping is not None and version.sha256 != (self.state.current and self.state.current.sha256):
                raise looping
            self.notebook.move(moves.started, version.sha256)
            return load(self.store, replace(found, since_s=self.clock()))
        except MemoryError:  # this process lives on
            self.notebook.move(moves.ended, version.sha256)
            raise
        except Refused as refusal:
            damaged = refusal.field in (ranged.DOWNLOAD, DISK)
            self.notebook.move(moves.refused, version, refusal, forever=not damaged)
            self.store.tidy(self.state)
            raise

    def _stage(self, offer: Offer) -> None:
        if self.rehearse is not None:
            here = self.live.version.sha256 if self.live else ""
            staged(self.notebook, self.remote, self.model, offer.candidate, here, self._trusted, self.tell)
            self.store.tidy(self.state)
            self.rehearse(self.state.candidate)

    def _trusted(self, offer: Offer) -> Offer:
        try:
            return offer if self.trust is None else self.trust.check(offer, held(self.notebook))
        except Refused as refusal:
            self.unsigned |= refusal.reason is Reason.TARGET_NOT_SIGNED
            raise

    def _ask(self) -> None:
        try:
            self.update()
        except (Refused, ServerRefused, ServerUnreachable) as error:
            self.tell("waiting", message=str(error))

    def _check_model(self) -> None:
        current = self.state.current
        if current is not None and not current.version.startswith(f"{self.model}/"):
            remedy = "Give each model its own folder with --folder."
            problem = f"{self.store.folder} holds {current.version}"
            raise Refused(Reason.FIELD_INVALID, field="model", problem=problem, found=self.model, remedy=remedy)
