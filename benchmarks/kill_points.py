"""Crashes of a device at thousands of random points: how many, how many it came through, and what one check costs.

The long form of tests/slipway/edge/test_random_kills.py, with another seed. Every point is a start with the server away
and an update after it, on the disk that kill -9 or a power cut left. It does not go on after one that was not survived.
"""

import os
import tempfile
import time
from pathlib import Path

from benchmarks.int8 import _record
from tests.slipway.edge.crash_lab import WORK, crash_everywhere, laboratory, record

POINTS = 300  # of each piece of work
SEED = 1
AIM = 500.0


def run() -> list[dict]:
    """Crash each piece of work."""
    fsync, start = os.fsync, time.process_time()
    os.fsync = lambda _: None  # the disk is imagined: nothing here loses power
    try:
        changes = sum(_changes(name) for name in WORK)
    finally:
        os.fsync = fsync
    count = POINTS * len(WORK)
    seconds = time.process_time() - start
    return [
        _record("kill_points", count, "survived", AIM),
        _record("kill_point_changes", changes, "places", len(WORK)),
        _record("kill_point_seconds", seconds / count, "s of processor", 0.02),
    ]


def _changes(name: str) -> int:
    """Crash one piece of work; how many changes of the disk it has."""
    with tempfile.TemporaryDirectory() as folder, laboratory(Path(folder)) as lab:
        recording = record(lab, WORK[name])
        if crash_everywhere(lab, WORK[name], recording, POINTS, SEED) != WORK[name].allowed:
            raise RuntimeError(f"{name}: not every outcome was seen")
        return len(recording.changes)
