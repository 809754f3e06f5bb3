"""A candidate runs beside the version that answers: it sees the same windows, and nobody hears it.

It runs in a process of its own, served by one thread here. A window is handed over without waiting: where the candidate
is behind, or windows come faster than the limit, it does not see them all. What it cannot answer is counted.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

from slipway.edge.answer import Array, Seen, probabilities
from slipway.edge.fetch import Tell
from slipway.edge.report import Sums
from slipway.edge.shadow_process import ShadowProcess, Silent
from slipway.edge.state import Candidate, Installed
from slipway.edge.store import Store
from slipway.errors import Refused

WAITING_LIMIT = 16  # windows
WINDOWS_PER_S = 10.0
START_S = 60.0
STOP_S = 2.0  # a thread that still waits for a process to start ends with the agent
PAUSE_S = 1.0  # before it is started again; doubles up to
PAUSE_LIMIT_S = 64.0

Compared = Callable[[str, str, Sums], None]  # (version that answered, rollout, one window)
Refuse = Callable[[Candidate, Refused], None]


class Shadow:
    """One candidate at a time. Its thread starts with the first one.

    Args:
        store: where bundles lie.
        answering: what answers now; both are timed.
        compared: told of each window that the candidate saw, or should have seen.
        refuse: told of a candidate that fails its self-test.
        answer_s: a candidate that takes longer is started again.
    """

    def __init__(
        self,
        store: Store,
        answering: Callable[[], Installed | None],
        compared: Compared,
        refuse: Refuse,
        tell: Tell,
        *,
        answer_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._answering = store, answering
        self._compared, self._refuse, self._tell = compared, refuse, tell
        self._answer_s, self._clock = answer_s, clock
        self._changed = threading.Condition()
        self._candidate: Candidate | None = None
        self._waiting: deque[Seen] = deque()
        self._next_s = 0.0  # when the next window is taken
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._process: ShadowProcess | None = None
        self._pause_s = PAUSE_S
        self._again_s = 0.0  # not started again before

    def show(self, candidate: Candidate | None) -> None:
        """Run this one from now on, or none. Does not wait for it."""
        wanted = None if candidate is None or candidate.refused else candidate
        with self._changed:
            if _key(wanted) == _key(self._candidate):
                return
            self._candidate = wanted
            self._waiting.clear()
            if wanted is not None and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="slipway-shadow", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    @property
    def rollout(self) -> str:
        """Which rollout's candidate runs; empty where none does."""
        candidate = self._candidate
        return candidate.rollout if candidate else ""

    def saw(self, seen: Seen) -> None:
        """Hand over a window that was answered; returns at once."""
        if self._candidate is None or seen.logits is None:
            return
        with self._changed:
            now = self._clock()
            if now < self._next_s or len(self._waiting) >= WAITING_LIMIT:
                return
            self._next_s = now + 1.0 / WINDOWS_PER_S
            self._waiting.append(seen)
            self._changed.notify_all()

    def stop(self) -> None:
        """End the process and the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        process = self._process
        if process is not None:
            process.kill()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def _run(self) -> None:
        running: Candidate | None = None
        while True:
            with self._changed:
                while not (self._stopping or self._waiting or _key(self._candidate) != _key(running)):
                    self._changed.wait()
                wanted, stopping = self._candidate, self._stopping
                seen = self._waiting.popleft() if self._waiting else None
            if stopping or _key(wanted) != _key(running):
                self._close()
                running, self._pause_s = wanted, PAUSE_S
                if stopping:
                    return
                if wanted is not None:
                    self._open(wanted)
            if wanted is not None and seen is not None:
                self._compare(wanted, seen)

    def _open(self, candidate: Candidate) -> None:
        try:
            before = self._answering() or candidate.version
            self._process = ShadowProcess(self._store, candidate.version, before, START_S)
            self._tell("shadow_started", version=candidate.version.version, rollout=candidate.rollout)
        except Refused as refusal:
            self._refuse(candidate, refusal)
            with self._changed:
                if _key(self._candidate) == _key(candidate):  # not one that came meanwhile
                    self._candidate = None
        except (Silent, OSError) as error:
            self._lost(candidate, error)

    def _compare(self, candidate: Candidate, seen: Seen) -> None:
        answering = self._answering()
        if answering is None or answering.sha256 != seen.live.version.sha256:
            return  # another version answers meanwhile
        if self._process is not None and self._process.before.sha256 != answering.sha256:
            self._close()
        if self._process is None and self._clock() >= self._again_s:
            self._open(candidate)
        sums = Sums(failures=1)
        if self._process is not None:
            try:
                logits, *computed_s = self._process.ask(seen.window, self._answer_s)
                if logits is not None and seen.logits is not None and logits.shape == seen.logits.shape:
                    sums = compare(seen, logits, *computed_s)
                    self._pause_s = PAUSE_S
            except Silent as error:
                self._close()
                self._lost(candidate, error)
        if _key(self._candidate) == _key(candidate) and not self._stopping:
            self._compared(seen.live.version.version, candidate.rollout, sums)

    def _lost(self, candidate: Candidate, error: Exception) -> None:
        if self._stopping:
            return
        self._tell("shadow_lost", version=candidate.version.version, message=str(error), retry_s=self._pause_s)
        self._again_s = self._clock() + self._pause_s
        self._pause_s = min(PAUSE_LIMIT_S, 2.0 * self._pause_s)

    def _close(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


def compare(seen: Seen, logits: Array, computed_s: float, before_s: float) -> Sums:
    """One window that both answered.

    Args:
        logits: (answers,) of the candidate.
        computed_s: its seconds of computing.
        before_s: those of the version that answers, in the same process.
    """
    assert seen.logits is not None
    sums = Sums(both=1, latency_s=computed_s, latency_before_s=before_s)
    classes = seen.live.runtime.task.classes
    if not classes:
        return sums
    sums += Sums(
        confidence=float(probabilities(logits).max()), confidence_before=float(probabilities(seen.logits).max())
    )
    if seen.label is None:
        return sums
    right, right_before = (classes[int(found.argmax())] == seen.label for found in (logits, seen.logits))
    return sums + Sums(feedback=1, right=int(right), right_before=int(right_before))


def _key(candidate: Candidate | None) -> tuple[str, str] | None:
    return None if candidate is None else (candidate.rollout, candidate.version.sha256)
