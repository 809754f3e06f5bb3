"""Which version answers: current after a start or a switch, previous where current is no good any more.

A start is counted before the model is loaded, and taken back where it ends well. A candidate waits in another slot.
"""

from collections.abc import Callable

from slipway import ranged
from slipway.edge import moves
from slipway.edge.fetch import Tell
from slipway.edge.health import boot_loop
from slipway.edge.live import Live, load
from slipway.edge.memory import give_back
from slipway.edge.notebook import Notebook
from slipway.edge.state import Candidate, Installed, State
from slipway.edge.store import DISK
from slipway.errors import Reason, Refused


class Slots:
    """Owns the running model. ``live`` is replaced as one step; readers take it once per use.

    Args:
        notebook: what the device knows.
        tell: told what happens, in one word and some values.
    """

    def __init__(self, notebook: Notebook, tell: Tell) -> None:
        self.live: Live | None = None
        self._notebook, self._tell = notebook, tell
        self._started = ""  # hash whose start was counted

    def start(self, ask: Callable[[], None]) -> None:
        """Run what is installed, after verifying it again; the version before, where current is no good any more.

        Args:
            ask: looks for another version, where the only one here does not start well.
        """
        while self.live is None and self._state.current is not None:
            version = self._state.current
            looping = boot_loop(version.version, self._state.starts.get(version.sha256, 0))
            if looping is not None and self._state.previous is not None:
                self._fall_back(looping, forever=True)
                continue
            if looping is not None:
                ask()
                if self.live is not None:
                    return
            self._started = version.sha256
            self._notebook.move(moves.started, version.sha256)
            try:
                self.live = load(self._notebook.store, version)
                give_back()
                self._tell("started", version=version.version)
            except Refused as refusal:
                self._fall_back(refusal, forever=False)
                if refusal.field == DISK:
                    self._notebook.store.bundle(version.sha256).unlink(missing_ok=True)

    def end(self) -> None:
        """Say that this process ends well: its start is not counted."""
        self._notebook.move(moves.ended, self._started)

    def switch(self, live: Live, base: str = "") -> None:
        """Let ``live`` answer from now on.

        Args:
            base: SHA-256 of the bundle that it is a change of, if any.

        Raises:
            Refused: VERSION_REFUSED_BEFORE.
        """
        with self._notebook.lock:
            self.check(live.version)  # it may have been taken back meanwhile
            self._notebook.move(moves.installed, live.version, base)
            self.live = live
        self._notebook.store.tidy(self._state)  # also what a death after an earlier switch left behind

    def roll_back(self, live: Live, refusal: Refused) -> bool:
        """Let the version before answer in place of ``live``, whose bytes are refused from now on.

        Returns:
            Whether it does; else there is none that could, and ``live`` runs on.
        """
        previous = self._state.previous
        if previous is None:
            return False
        try:
            before = load(self._notebook.store, previous)
        except Refused as problem:
            self._tell("cannot_roll_back", version=previous.version, reason=problem.reason, message=str(problem))
            return False
        with self._notebook.lock:
            if self.live is not live or self._state.previous != previous:
                return False
            self._fall_back(refusal, forever=True)
            self.live = before
        give_back()
        return True

    def passed(self, live: Live) -> None:
        """``live`` has stood its trial."""
        with self._notebook.lock:
            if self.live is live:
                self._notebook.move(moves.passed)
        self._tell("passed", version=live.version.version)

    def refuse_candidate(self, candidate: Candidate, refusal: Refused) -> None:
        """The candidate failed a check where it was to run."""
        damaged = refusal.field in (ranged.DOWNLOAD, DISK)
        with self._notebook.lock:
            now = self._state.candidate
            if now is None or now.version.sha256 != candidate.version.sha256:
                return
            self._notebook.move(moves.refused, candidate.version, refusal, forever=not damaged)
            if damaged:
                self._notebook.move(moves.staged, None)
                self._notebook.store.bundle(candidate.version.sha256).unlink(missing_ok=True)
        self._tell("candidate_refused", version=candidate.version.version, reason=refusal.reason, message=str(refusal))

    def check(self, version: Installed) -> None:
        """Refuse a version whose bytes were refused before.

        Raises:
            Refused: VERSION_REFUSED_BEFORE.
        """
        problem = self._state.refused.get(version.sha256)
        if problem is not None:
            raise Refused(Reason.VERSION_REFUSED_BEFORE, field="version", name=version.version, problem=problem)

    def _fall_back(self, refusal: Refused, *, forever: bool) -> None:
        assert self._state.current is not None
        version = self._state.current.version
        self._notebook.move(moves.rolled_back, refusal, forever=forever)
        self._tell("rolled_back", version=version, reason=refusal.reason, message=str(refusal))

    @property
    def _state(self) -> State:
        return self._notebook.state
