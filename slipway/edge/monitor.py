"""Looks on while windows are answered: counts for the next report, judges a trial, shows each window to others."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from slipway.bundle.archive import Bundle
from slipway.edge import health
from slipway.edge.answer import Array, Seen
from slipway.edge.health import DEFAULT_LIMITS, Limits, Trial
from slipway.edge.live import Live
from slipway.edge.report import Sums
from slipway.errors import Refused

if TYPE_CHECKING:
    from slipway.client.datasets import Datasets
    from slipway.edge.upload import Sent

Told = tuple[str, str, Sums]  # (version, rollout, over its windows)


class Observer(Protocol):
    """Notices what comes in: ``slipway.edge.observer``."""

    def answers(self, sha256: str, bundle: Bundle) -> None:
        """From now on this bundle answers."""
        ...

    def saw(self, window: Array, logits: Array) -> None:
        """After each answer: a window (time, channels) and the logits (answers,)."""
        ...

    def drift(self) -> float | None:
        """0 at home, 1 where it should be looked at; None as long as it is not known."""
        ...

    def share(self, datasets: "Datasets", device_id: str) -> "Sent | None":
        """Tell a server what is due."""
        ...

    def close(self) -> None:
        """Put all on the disk."""
        ...


class Beside(Protocol):
    """Runs a candidate: ``slipway.edge.shadow``."""

    @property
    def rollout(self) -> str:
        """Whose; empty where none runs."""
        ...

    def saw(self, seen: Seen) -> None:
        """After each answer."""
        ...


class Monitor:
    """The ``Watch`` of an agent. Whoever answers calls ``answering`` and ``saw``; any thread may call the rest.

    Args:
        observer: measures drift.
        limits: of a trial.
    """

    def __init__(
        self,
        *,
        observer: Observer | None = None,
        limits: Limits = DEFAULT_LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.shadow: Beside | None = None
        self._observer, self._clock = observer, clock
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, str], Sums] = {}
        self._trials: dict[str, tuple[Trial, float]] = {}  # one: of what answers, and since when
        self._busy_since_s: float | None = None
        self.answered = 0

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Around each answer."""
        self._busy_since_s = self._clock()
        try:
            yield
        finally:
            self._busy_since_s = None

    def saw(self, seen: Seen) -> None:
        """After each answer, or failure."""
        with self._lock:
            self._count(seen)
        if self.shadow is not None:
            self.shadow.saw(seen)
        if self._observer is not None and seen.logits is not None:
            self._observer.answers(seen.live.version.sha256, seen.live.runtime.bundle)
            self._observer.saw(seen.window, seen.logits)

    def compared(self, version: str, rollout: str, sums: Sums) -> None:
        """A candidate saw a window that ``version`` answered."""
        with self._lock:
            self._add(version, rollout, sums)

    def busy_s(self) -> float:
        """For how long one window has been waiting for its answer."""
        since_s = self._busy_since_s
        return 0.0 if since_s is None else self._clock() - since_s

    def drift(self) -> float | None:
        """How far the input is from home, if known."""
        return self._observer.drift() if self._observer is not None else None

    def take(self) -> list[Told]:
        """What was counted since the last call."""
        with self._lock:
            taken, self._sums = self._sums, {}
        return [(version, rollout, sums) for (version, rollout), sums in taken.items()]

    def failed(self, live: Live) -> Refused | None:
        """Why ``live``, which is on trial, has to go; None while it may stay."""
        with self._lock:
            trial, _ = self._trial(live)
        return health.gate(live.version.version, trial, self.limits)

    def stood(self, live: Live) -> bool:
        """Whether ``live`` has stood its trial; it begins with the first call about it."""
        with self._lock:
            trial, since_s = self._trial(live)
        return health.stood(trial, self._clock() - since_s, self.limits)

    def _count(self, seen: Seen) -> None:
        live = seen.live
        trial, since_s = self._trial(live)
        if seen.logits is None:
            trial = health.failed(trial, seen.problem)
        else:
            self.answered += 1
            rollout = self.shadow.rollout if self.shadow is not None else ""
            self._add(live.version.version, rollout, Sums(windows=1))
            if trial.answered < self.limits.windows:
                trial = health.answered(trial, seen.window, seen.logits, seen.elapsed_s, self.limits)
        self._trials = {live.version.sha256: (trial, since_s)}

    def _trial(self, live: Live) -> tuple[Trial, float]:
        known = self._trials.get(live.version.sha256)
        if known is None:
            bundle = live.runtime.bundle
            known = health.begin(bundle.inputs, bundle.outputs), self._clock()
            self._trials = {live.version.sha256: known}
        return known

    def _add(self, version: str, rollout: str, sums: Sums) -> None:
        key = version, rollout
        self._sums[key] = self._sums.get(key, Sums()) + sums
