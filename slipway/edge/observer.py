"""What a device notices of its windows beside answering them: it keeps some, watches for drift, and may tell of both.

Nothing here may stop an answer: where a disk is full or a file is damaged, less is noticed, and the answers go on.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from slipway.bundle.archive import Bundle
from slipway.edge import notes as noting
from slipway.edge import watch as watching
from slipway.edge.drift import BATCH, Drift
from slipway.edge.home_file import reference_in
from slipway.edge.sharing import NOTHING, Sharing
from slipway.edge.watch import Watch
from slipway.errors import Refused
from slipway.spec import TaskSpec

if TYPE_CHECKING:
    from slipway.client.datasets import Datasets
    from slipway.edge.ring import Ring
    from slipway.edge.sharing import Keep
    from slipway.edge.upload import Sent, Uploader

KEPT_S = 300.0  # between two writes of what was noticed

Array = npt.NDArray[Any]


class Observer:
    """Sees every window that is answered. Any thread may call it.

    Args:
        folder: of the device; its lock must be held.
        keep: how many windows are kept; None keeps none.
        sharing: what may be told to a server.
        random: numbers from 0 to 1.
        clock: seconds since 1970.
        tell: told what goes wrong, in one word and some values.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: "Keep | None" = None,
        sharing: Sharing | None = None,
        random: Callable[[], float],
        clock: Callable[[], float] = time.time,
        tell: Callable[..., None] = lambda event, **values: None,
    ) -> None:
        self._folder, self._keep, self._sharing = folder, keep, sharing or Sharing()
        self._random, self._clock, self._tell = random, clock, tell
        self._lock = threading.RLock()
        self._watch: Watch | None = None  # of what answers
        self._waiting: list[tuple[Array, Array]] = []
        self._ring: Ring | None = None
        self._uploader: Uploader | None = None
        self._noted, self._waited_s = clock(), 0.0
        self.window_count = 0

    def answers(self, sha256: str, bundle: Bundle) -> None:
        """From now on a bundle answers, known by its hash: what was noticed of it before is remembered."""
        with self._lock:
            before, task = self._watch, bundle.manifest.task
            if before is not None and sha256 == before.version:
                return
            self._look()
            if before is None or before.task != task:
                self._close()
                self._open(task)
            self._watch = self._recalled(watching.begun(sha256, task, reference_in(bundle)))

    def saw(self, window: Array, logits: Array) -> None:
        """Take in a window (time, channels) and what was answered to it (classes or outputs,)."""
        with self._lock:
            if self._watch is None:
                return
            self.window_count += 1
            self._waited_s = self._waited_s if self._waiting else self._clock()
            self._waiting.append((np.array(window, np.float32), np.array(logits, np.float32)))
            if self._ring is not None:
                try:
                    self._ring.add(window)
                except OSError as error:
                    self._tell("not_kept", message=str(error))
            if len(self._waiting) >= BATCH:
                self._look()

    def drift(self) -> float | None:
        """How far recent windows are from home: 0 as at home, 1 should be looked at; None while that is unknown."""
        found = self._drift()
        return None if found is None else found.value

    def cause(self) -> str:
        """What is furthest from home, such as "acc_z: level +2.3 sd"; empty while that is unknown."""
        found = self._drift()
        return "" if found is None else found.cause

    def share(self, datasets: "Datasets", device_id: str) -> "Sent | None":
        """Tell a server what is due, as ``Uploader.round``; it may take long, and answers go on meanwhile."""
        uploader = self._uploader
        with self._lock:
            since_s = 0.0 if self._watch is None else watching.since_s(self._watch)
        return None if uploader is None else uploader.round(datasets, device_id, self.drift(), since_s)

    def close(self) -> None:
        """Put all on the disk."""
        with self._lock:
            self._close()

    def _look(self) -> None:
        """Look at what waits."""
        waiting, self._waiting = self._waiting, []
        before = self._watch
        if not waiting or before is None:
            return
        windows, logits = (np.stack(each) for each in zip(*waiting, strict=True))
        if self._uploader is not None:
            self._uploader.gather(windows, self._waited_s)
        if len(windows) == BATCH:
            self._watch = watching.seen(before, windows, logits, self._waited_s)
            if before.home is None and self._watch.home is not None:
                self._note()
        if not 0 <= self._clock() - self._noted < KEPT_S:
            self._note()

    def _drift(self) -> Drift | None:
        with self._lock:
            return None if self._watch is None else watching.drift(self._watch)

    def _open(self, task: TaskSpec) -> None:
        try:
            if self._keep is not None:
                from slipway.edge.ring import Ring  # loads SQLite: not where nothing is kept

                path = self._folder / "windows.sqlite"
                self._ring = Ring(path, task.sensor, self._keep, random=self._random, clock=self._clock)
            if self._sharing.what != NOTHING:
                from slipway.edge.upload import Uploader  # loads the client: not where nothing is told

                self._uploader = Uploader(self._folder, self._sharing, task, self._ring, clock=self._clock)
        except OSError as error:
            self._tell("not_kept", message=str(error))

    def _close(self) -> None:
        self._look()
        self._note()
        ring, self._ring, self._uploader = self._ring, None, None
        if ring is not None:
            try:
                ring.close()
            except OSError as error:
                self._tell("not_kept", message=str(error))

    def _note(self) -> None:
        """Put what was noticed on the disk; five minutes of it may be lost."""
        self._noted = self._clock()
        if self._watch is None:
            return
        try:
            noting.write(self._folder, watching.to_notes(self._watch))
            if self._uploader is not None:
                self._uploader.keep()
        except OSError as error:
            self._tell("not_kept", message=str(error))

    def _recalled(self, watch: Watch) -> Watch:
        """``watch`` and what was noticed of its version before, where that fits."""
        try:
            return watching.recalled(watch, noting.read(self._folder))
        except (Refused, ValueError, TypeError, KeyError) as error:
            self._tell("forgotten", message=str(error))
            return watch
