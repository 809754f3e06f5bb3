"""How a version comes in: offer → download → verify → self-test → switch → report. And what runs after a start.

Where the server knows a delta from a bundle that is here, that is downloaded in place of the bundle. What it makes is
admitted as a download is; whatever is wrong with it, the whole bundle follows at once.
"""

import uuid
from dataclasses import dataclass, replace

from slipway import ranged
from slipway.bundle import archive
from slipway.bundle.runtime import Runtime
from slipway.edge import state as moves
from slipway.edge.fetch import Tell, fetch_bundle, fetch_delta
from slipway.edge.memory import give_back
from slipway.edge.remote import Delta, Offer, Remote
from slipway.edge.state import Installed, State
from slipway.edge.store import DISK, Store
from slipway.errors import Reason, Refused
from slipway.transport import ServerRefused


@dataclass(frozen=True)
class Live:
    """A verified model that answers, and which version it is."""

    version: Installed
    runtime: Runtime


class Installer:
    """Owns a device's state and the running model. ``live`` is replaced as one step; readers take it once per use.

    Args:
        store: the folder; its lock must be held.
        remote: the server.
        model: "models/rover".
        channel: "stable".
        tell: told what happens, in one word and some values.
        device_id: replaces the id that the folder remembers.
    """

    def __init__(
        self, store: Store, remote: Remote, *, model: str, channel: str, tell: Tell, device_id: str = ""
    ) -> None:
        self.store = store
        self.remote = remote
        self.model = model
        self.channel = channel
        self.tell = tell
        self.live: Live | None = None
        self.state = self._recall()
        self._keep(replace(self.state, device_id=device_id or self.state.device_id))
        self._check_model()

    def start(self) -> None:
        """Run what is installed, after verifying it again; the version before, where current has been damaged."""
        while self.state.current is not None:
            version = self.state.current
            try:
                self.live = load(self.store, version)
                give_back()
                self.tell("started", version=version.version)
                return
            except Refused as refusal:
                self.tell("rolled_back", version=version.version, reason=refusal.reason, message=str(refusal))
                self._keep(moves.rolled_back(self.state, refusal))
                if refusal.field == DISK:
                    self.store.bundle(version.sha256).unlink(missing_ok=True)

    def update(self) -> bool:
        """Ask once and install what is offered. Returns whether another version runs now.

        Raises:
            Refused: the offer or its bundle is no good; what ran before runs on.
            ServerRefused, ServerUnreachable: as the remote says; what came of a download stays.
        """
        offer = self.remote.offer(self.model, self.channel, self._held())
        self._keep(moves.seen(self.state, f"{self.model}/channels/{self.channel}", offer.version.serial))
        version = offer.version
        if self.live is not None and version.sha256 == self.live.version.sha256:
            self._switch(Live(moves.remembered(self.state, version), self.live.runtime))
            return False
        if version.sha256 in self.state.refused:
            problem = self.state.refused[version.sha256]
            raise Refused(Reason.VERSION_REFUSED_BEFORE, field="version", name=version.version, problem=problem)
        live = self._bring(offer)
        base = offer.delta.base_sha256 if offer.delta else ""
        self._switch(live, base if base in self._held() else "")
        give_back()
        size, delta = offer.size_bytes, live.version.delta_bytes or None
        self.tell("installed", version=version.version, size_bytes=size, sha256=version.sha256, delta_bytes=delta)
        return True

    def report(self) -> None:
        """Deliver what the server does not know yet."""
        for report in self.state.reports:
            try:
                self.remote.report(self.state.device_id, report)
            except ServerRefused as refusal:  # saying it again would not help
                self.tell("report_refused", version=report.version, reason=refusal.reason, message=str(refusal))
            self._keep(moves.delivered(self.state, report))

    def _recall(self) -> State:
        """What the device knew when it ended. A file that cannot be read is set aside: it installs afresh."""
        try:
            state = self.store.read()
        except Refused as refusal:
            self.tell("forgotten", reason=refusal.reason, message=str(refusal))
            self.store.set_aside()
            state = None
        if state is None:
            state = State(device_id=f"device-{uuid.uuid4().hex[:12]}")
            self.store.write(state)
        return state

    def _held(self) -> list[str]:
        """SHA-256 of the bundles here, that a delta may start from."""
        return [sha256 for sha256 in moves.needed(self.state) if self.store.bundle(sha256).exists()]

    def _bring(self, offer: Offer) -> Live:
        version = offer.version
        self.store.tidy(self.state, version.sha256, offer.delta.sha256 if offer.delta else "")
        try:
            return load(self.store, self._fetch(offer))
        except Refused as refusal:
            damaged = refusal.field in (ranged.DOWNLOAD, DISK)
            self._keep(moves.refused(self.state, version, refusal, forever=not damaged))
            self.store.tidy(self.state)
            raise

    def _fetch(self, offer: Offer) -> Installed:
        """The offered version; its bundle comes by the shortest way where it is not here."""
        version, delta = offer.version, offer.delta
        if self.store.bundle(version.sha256).exists():
            return moves.remembered(self.state, version)
        if delta is not None and self._changed_by(delta, offer):
            return replace(version, delta_bytes=delta.size_bytes)
        fetch_bundle(self.store, self.remote, offer, self.tell)
        return version

    def _changed_by(self, delta: Delta, offer: Offer) -> bool:
        """Try the delta, once for a version: whether its bundle is here now."""
        version = offer.version
        if version.sha256 in self.state.deltas_refused:
            return False
        try:
            fetch_delta(self.store, self.remote, offer, delta, self._held(), self.tell)
            return True
        except (Refused, ServerRefused) as refusal:
            self.tell("delta_refused", version=version.version, reason=refusal.reason, message=str(refusal))
            self._keep(moves.delta_refused(self.state, version, str(refusal)))
            if isinstance(refusal, Refused) and refusal.field == DISK:
                self.store.bundle(delta.base_sha256).unlink(missing_ok=True)
            return False

    def _switch(self, live: Live, base: str = "") -> None:
        self._keep(moves.installed(self.state, live.version, base))
        self.live = live
        self.store.tidy(self.state)  # also what a death after an earlier switch left behind

    def _keep(self, state: State) -> None:
        if state != self.state:
            self.store.write(state)
            self.state = state

    def _check_model(self) -> None:
        current = self.state.current
        if current is not None and not current.version.startswith(f"{self.model}/"):
            remedy = "Give each model its own folder with --folder."
            problem = f"{self.store.folder} holds {current.version}"
            raise Refused(Reason.FIELD_INVALID, field="model", problem=problem, found=self.model, remedy=remedy)


def load(store: Store, version: Installed) -> Live:
    """Read a bundle from the disk, verify all of it, run its self-test.

    Raises:
        Refused: BUNDLE_HASH_MISMATCH where the disk no longer holds what came; else the reason of the check.
    """
    try:
        runtime = prove(store.content(version.sha256))
        manifest = runtime.bundle.manifest
        named = f"models/{manifest.model}/versions/{manifest.version}"
        if named != version.version:
            raise Refused(Reason.VERSION_MISMATCH, field="bundle", found=named, expected=version.version)
        return Live(version, runtime)
    except OSError as error:
        problem = error.strerror or error
        raise Refused(Reason.BUNDLE_UNUSABLE, field=DISK, name=version.version, problem=problem) from error


def prove(data: bytes) -> Runtime:
    """A model from a bundle's bytes, after every check and its self-test.

    Raises:
        Refused: whatever goes wrong: an unproven model must not take the agent down with it.
    """
    try:
        runtime = Runtime(archive.read(data))
        runtime.self_test()
        return runtime
    except (Refused, MemoryError):  # memory may be there the next time
        raise
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise Refused(Reason.BUNDLE_UNUSABLE, field="bundle", name="the bundle", problem=problem) from error
