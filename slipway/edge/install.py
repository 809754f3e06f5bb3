"""How a version comes in: offer → download → verify → self-test → switch → report. And what runs after a start."""

import hashlib
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from slipway import ranged
from slipway.bundle import archive
from slipway.bundle.runtime import Runtime
from slipway.edge import state as moves
from slipway.edge.memory import give_back
from slipway.edge.remote import Offer, Remote
from slipway.edge.state import Installed, State
from slipway.edge.store import Store
from slipway.errors import Reason, Refused
from slipway.transport import ServerRefused

DISK = "disk"  # field of a refusal where bytes that had been good are not any more
Tell = Callable[..., None]  # tell("installed", version=…, …)


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
        offer = self.remote.offer(self.model, self.channel)
        self._keep(moves.seen(self.state, f"{self.model}/channels/{self.channel}", offer.version.serial))
        version = offer.version
        if self.live is not None and version.sha256 == self.live.version.sha256:
            self._switch(Live(version, self.live.runtime))
            return False
        if version.sha256 in self.state.refused:
            problem = self.state.refused[version.sha256]
            raise Refused(Reason.VERSION_REFUSED_BEFORE, field="version", name=version.version, problem=problem)
        self._switch(self._bring(offer))
        give_back()
        self.tell("installed", version=version.version, size_bytes=offer.size_bytes, sha256=version.sha256)
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

    def _bring(self, offer: Offer) -> Live:
        version = offer.version
        self.store.tidy(self.state, version.sha256)
        try:
            if not self.store.bundle(version.sha256).exists():
                self._download(offer)
            return load(self.store, version)
        except Refused as refusal:
            damaged = refusal.field in (ranged.DOWNLOAD, DISK)
            self._keep(moves.refused(self.state, version, refusal, forever=not damaged))
            self.store.tidy(self.state)
            raise

    def _download(self, offer: Offer) -> None:
        sha256, size = offer.version.sha256, offer.size_bytes

        def pieces(offset: int) -> Iterable[tuple[int, bytes]]:
            self.tell("downloading", version=offer.version.version, offset=offset, size_bytes=size)
            return self.remote.pieces(sha256, offset)

        ranged.fetch(self.store.part(sha256), pieces, size_bytes=size, sha256=sha256)
        self.store.admit(sha256)

    def _switch(self, live: Live) -> None:
        self._keep(moves.installed(self.state, live.version))
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
        data = store.bundle(version.sha256).read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != version.sha256:
            name = store.bundle(version.sha256).name
            raise Refused(Reason.BUNDLE_HASH_MISMATCH, field=DISK, name=name, found=found, expected=version.sha256)
        runtime = prove(data)
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
