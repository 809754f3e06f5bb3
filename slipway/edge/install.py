"""How a version comes in: offer → download → verify → self-test → switch → report. And what runs after a start.

Where the server knows a delta from a bundle that is here, that is downloaded in place of the bundle. What it makes is
admitted as a download is; whatever is wrong with it, the whole bundle follows at once. A candidate comes the same way,
and runs beside until the channel points at it. A start is counted before the model is loaded, and taken back where it
ends well.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from slipway import ranged
from slipway.edge import state as moves
from slipway.edge.fetch import Tell
from slipway.edge.health import boot_loop
from slipway.edge.live import Live, load
from slipway.edge.memory import give_back
from slipway.edge.notebook import Notebook
from slipway.edge.obtain import base_of, held, obtain
from slipway.edge.outbox import deliver
from slipway.edge.remote import Line, Offer
from slipway.edge.stage import Rehearse, staged
from slipway.edge.state import Candidate, Installed, State
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
    """Owns a device's state and the running model. ``live`` is replaced as one step; readers take it once per use.

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
        self.live: Live | None = None
        self.unsigned = False  # something of the last offer was not signed: it may be soon
        self.rehearse: Rehearse | None = None
        self.notebook = Notebook(store, tell, device_id)
        self.clock = clock
        self._started = ""  # hash whose start was counted
        self._sending = threading.Lock()
        self._check_model()

    @property
    def state(self) -> State:
        """What the device knows."""
        return self.notebook.state

    def start(self) -> None:
        """Run what is installed, after verifying it again; the version before, where current is no good any more."""
        while self.live is None and self.state.current is not None:
            version = self.state.current
            looping = boot_loop(version.version, self.state.starts.get(version.sha256, 0))
            if looping is not None and self.state.previous is not None:
                self._fall_back(looping, forever=True)
                continue
            if looping is not None and self._helped():
                return
            self._started = version.sha256
            self.notebook.move(moves.started, version.sha256)
            try:
                self.live = load(self.store, version)
                give_back()
                self.tell("started", version=version.version)
            except Refused as refusal:
                self._fall_back(refusal, forever=False)
                if refusal.field == DISK:
                    self.store.bundle(version.sha256).unlink(missing_ok=True)

    def end(self) -> None:
        """Say that this process ends well: its start is not counted."""
        self.notebook.move(moves.ended, self._started)

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

    def roll_back(self, live: Live, refusal: Refused) -> bool:
        """Let the version before answer in place of ``live``, whose bytes are refused from now on.

        Returns:
            Whether it does; else there is none that could, and ``live`` runs on.
        """
        previous = self.state.previous
        if previous is None:
            return False
        try:
            before = load(self.store, previous)
        except Refused as problem:
            self.tell("cannot_roll_back", version=previous.version, reason=problem.reason, message=str(problem))
            return False
        with self.notebook.lock:
            if self.live is not live or self.state.previous != previous:
                return False
            self._fall_back(refusal, forever=True)
            self.live = before
        give_back()
        return True

    def passed(self, live: Live) -> None:
        """``live`` has stood its trial."""
        with self.notebook.lock:
            if self.live is live:
                self.notebook.move(moves.passed)
        self.tell("passed", version=live.version.version)

    def refuse_candidate(self, candidate: Candidate, refusal: Refused) -> None:
        """The candidate failed a check where it was to run."""
        damaged = refusal.field in (ranged.DOWNLOAD, DISK)
        with self.notebook.lock:
            now = self.state.candidate
            if now is None or now.version.sha256 != candidate.version.sha256:
                return
            self.notebook.move(moves.refused, candidate.version, refusal, forever=not damaged)
            if damaged:
                self.notebook.move(moves.staged, None)
                self.store.bundle(candidate.version.sha256).unlink(missing_ok=True)
        self.tell("candidate_refused", version=candidate.version.version, reason=refusal.reason, message=str(refusal))

    def _install(self, offer: Offer) -> bool:
        version = offer.version
        with self.notebook.lock:
            if self.live is not None and version.sha256 == self.live.version.sha256:
                self._switch(Live(moves.remembered(self.state, version), self.live.runtime))
                return False
            self._check_refused(version)
        base = base_of(self.notebook, offer)
        live = self._bring(offer)
        self._switch(live, base if base in held(self.notebook) else "")
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

    def _switch(self, live: Live, base: str = "") -> None:
        with self.notebook.lock:
            self._check_refused(live.version)  # it may have been taken back meanwhile
            self.notebook.move(moves.installed, live.version, base)
            self.live = live
        self.store.tidy(self.state)  # also what a death after an earlier switch left behind

    def _fall_back(self, refusal: Refused, *, forever: bool) -> None:
        assert self.state.current is not None
        version = self.state.current.version
        self.notebook.move(moves.rolled_back, refusal, forever=forever)
        self.tell("rolled_back", version=version, reason=refusal.reason, message=str(refusal))

    def _helped(self) -> bool:
        """Ask for another version first, where the only one here does not start well."""
        try:
            self.update()
        except (Refused, ServerRefused, ServerUnreachable) as error:
            self.tell("waiting", message=str(error))
        return self.live is not None

    def _check_refused(self, version: Installed) -> None:
        problem = self.state.refused.get(version.sha256)
        if problem is not None:
            raise Refused(Reason.VERSION_REFUSED_BEFORE, field="version", name=version.version, problem=problem)

    def _check_model(self) -> None:
        current = self.state.current
        if current is not None and not current.version.startswith(f"{self.model}/"):
            remedy = "Give each model its own folder with --folder."
            problem = f"{self.store.folder} holds {current.version}"
            raise Refused(Reason.FIELD_INVALID, field="model", problem=problem, found=self.model, remedy=remedy)
