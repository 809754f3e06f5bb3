"""What a device notices of its windows beside answering them: it keeps some, watches for drift, and may tell of both.

Nothing here may stop an answer: where a disk is full or a file is damaged, less is noticed, and the answers go on.
"""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from slipway.bundle.archive import Bundle
from slipway.edge import drift as drifting
from slipway.edge import home as homes
from slipway.edge import notes as noting
from slipway.edge.drift import Drift
from slipway.edge.home import Home
from slipway.edge.notes import Notes
from slipway.edge.sharing import NOTHING, Sharing
from slipway.errors import Refused
from slipway.spec import TaskSpec

if TYPE_CHECKING:
    from slipway.client.datasets import Datasets
    from slipway.edge.ring import Ring
    from slipway.edge.sharing import Keep
    from slipway.edge.upload import Sent, Uploader

BATCH = drifting.BATCH  # windows that are looked at together
FIRST_WINDOWS = 512  # of a version without a reference: they are its home
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
        self._version, self._task = "", None  # type: tuple[str, TaskSpec | None]
        self._home: Home | None = None
        self._recent = np.empty((0, 0))
        self._first: Array = np.empty((0, 0))
        self._waiting: list[tuple[Array, Array]] = []
        self._ring: Ring | None = None
        self._uploader: Uploader | None = None
        self._noted = clock()
        self.window_count = 0

    def answers(self, sha256: str, bundle: Bundle) -> None:
        """From now on a bundle answers, known by its hash: what was noticed of it before is remembered."""
        with self._lock:
            if sha256 == self._version:
                return
            self._look()
            if self._task != bundle.manifest.task:
                self._close()
                self._task = bundle.manifest.task
                self._open(self._task)
            self._version, self._home = sha256, reference_in(bundle)
            self._recall()

    def saw(self, window: Array, logits: Array) -> None:
        """Take in a window (time, channels) and what was answered to it (classes or outputs,)."""
        with self._lock:
            if self._task is None:
                return
            self.window_count += 1
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
        return None if uploader is None else uploader.round(datasets, device_id, self.drift())

    def close(self) -> None:
        """Put all on the disk."""
        with self._lock:
            self._close()

    def _look(self) -> None:
        """Look at what waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting or self._task is None:
            return
        windows, logits = (np.stack(each) for each in zip(*waiting, strict=True))
        if self._uploader is not None:
            self._uploader.gather(windows)
        if len(windows) == BATCH:
            self._watch(homes.measured(self._task, windows, logits))
        if not 0 <= self._clock() - self._noted < KEPT_S:
            self._note()

    def _watch(self, found: Array) -> None:
        assert self._task is not None
        if self._home is not None:
            self._recent = drifting.seen(self._recent, homes.standardised(self._home, found))
            return
        self._first = np.concatenate([self._first.reshape(-1, found.shape[1]), found])
        if len(self._first) >= FIRST_WINDOWS:
            self._home = homes.home_from(self._task, self._first)
            self._first, self._recent = np.empty((0, 0)), drifting.nothing_yet(self._home)
            self._note()

    def _drift(self) -> Drift | None:
        with self._lock:
            return None if self._home is None else drifting.drift(self._home, self._recent)

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
        if self._task is None:
            return
        notes: Notes = {"version": self._version, "first": self._first.tolist(), **_told(self._drift())}
        if self._home is not None:
            notes |= {"home": json.loads(homes.to_json(self._home)), "recent": drifting.to_json(self._recent)}
        try:
            noting.write(self._folder, notes)
            if self._uploader is not None:
                self._uploader.keep()
        except OSError as error:
            self._tell("not_kept", message=str(error))

    def _recall(self) -> None:
        """What was noticed of this version before, where it fits."""
        assert self._task is not None
        self._first = np.empty((0, 0))
        self._recent = drifting.nothing_yet(self._home) if self._home is not None else np.empty((0, 0))
        try:
            notes = noting.read(self._folder)
            if notes.get("version") != self._version:
                return
            if self._home is None and "home" in notes:
                self._home = homes.from_json(self._task, json.dumps(notes["home"]).encode())
            if self._home is not None:
                self._recent = drifting.from_json(self._home, notes["recent"])
            elif notes["first"]:
                self._first = np.array(notes["first"], np.float64)
        except (Refused, ValueError, TypeError, KeyError) as error:
            self._tell("forgotten", message=str(error))


def reference_in(bundle: Bundle) -> Home | None:
    """The home that travels in a bundle; None where there is none that can be read."""
    data = bundle.files.get(homes.REFERENCE_NAME)
    try:
        return None if data is None else homes.from_json(bundle.manifest.task, data)
    except Refused:
        return None


def _told(found: Drift | None) -> Notes:
    return {"drift": None, "cause": ""} if found is None else {"drift": found.value, "cause": found.cause}
