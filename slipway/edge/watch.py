"""What is known of how one version's windows look: its home, and how far recent windows are from there.

A version without a reference learns its home from the first windows that it answers. A watch is a value: whoever sees
windows replaces it, and writes it among the notes so that the next start knows as much.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.edge import drift as drifting
from slipway.edge import home_file
from slipway.edge.drift import Drift, Recent
from slipway.edge.home import Floats, Home, home_from, measured, standardised
from slipway.edge.notes import Notes
from slipway.spec import TaskSpec

FIRST_WINDOWS = 512  # of a version without a reference: they are its home


@dataclass(frozen=True, eq=False)
class Watch:
    """Of one version.

    Args:
        version: SHA-256 of its bundle.
        task: what it answers.
        home: None until there is one.
        recent: how far windows were from home lately.
        times_s: of ``recent``, when its first window came, in seconds since 1970.
        first: (count, numbers) what was measured of the first windows, until they are home.
    """

    version: str
    task: TaskSpec
    home: Home | None
    recent: Recent
    first: Floats
    times_s: tuple[float, ...] = ()


def begun(version: str, task: TaskSpec, home: Home | None) -> Watch:
    """Before the first window."""
    nothing = np.empty((0, 0))
    return Watch(version, task, home, nothing if home is None else drifting.nothing_yet(home), nothing)


def seen(watch: Watch, windows: npt.NDArray[Any], logits: npt.NDArray[Any], time_s: float = 0.0) -> Watch:
    """``watch`` and 32 more windows (32, time, channels) with their answers (32, classes or outputs).

    Args:
        time_s: when the first of them came, in seconds since 1970.
    """
    found = measured(watch.task, windows, logits)
    if watch.home is not None:
        recent = drifting.seen(watch.recent, standardised(watch.home, found))
        return replace(watch, recent=recent, times_s=(*watch.times_s, time_s)[-len(recent) :])
    first = np.concatenate([watch.first.reshape(-1, found.shape[1]), found])
    if len(first) < FIRST_WINDOWS:
        return replace(watch, first=first)
    return begun(watch.version, watch.task, home_from(watch.task, first))


def drift(watch: Watch) -> Drift | None:
    """How far it is from home; None while that is unknown."""
    return None if watch.home is None else drifting.drift(watch.home, watch.recent)


def since_s(watch: Watch) -> float:
    """From when on windows are of what drifts now, as far as recent ones tell, in seconds since 1970; 0 for ever."""
    if watch.home is None or not watch.times_s:
        return 0.0
    return watch.times_s[drifting.onset(watch.home, watch.recent)]


def to_notes(watch: Watch) -> Notes:
    """All of it, for the next start, and the drift for people."""
    found = drift(watch)
    told = {"drift": None, "cause": ""} if found is None else {"drift": found.value, "cause": found.cause}
    notes: Notes = {"version": watch.version, "first": watch.first.tolist(), **told}
    if watch.home is not None:
        notes |= {"home": json.loads(home_file.to_json(watch.home)), "recent": drifting.to_json(watch.recent)}
        notes |= {"times_s": list(watch.times_s)}
    return notes


def recalled(watch: Watch, notes: Notes) -> Watch:
    """``watch`` as it has just begun, and what was noted of the same version before.

    Raises:
        Refused, ValueError, TypeError, KeyError: the notes make no sense.
    """
    if notes.get("version") != watch.version:
        return watch
    home = watch.home
    if home is None and "home" in notes:
        home = home_file.from_json(watch.task, json.dumps(notes["home"]).encode())
    if home is not None:
        recent, times_s = drifting.from_json(home, notes["recent"]), tuple(map(float, notes["times_s"]))
        if len(times_s) != len(recent):
            raise ValueError("there is not one time for each")
        return replace(watch, home=home, recent=recent, times_s=times_s)
    return replace(watch, first=np.array(notes["first"], np.float64)) if notes["first"] else watch
