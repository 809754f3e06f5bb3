"""A graph from elsewhere, read in a process of its own: whatever a file does to its reader, the worker lives on."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service.worker.context import Cancelled
from service.worker.graph_reader import ANSWER, ASKED, FAILED, FILE, GRAPH, MODEL
from slipway.errors import Reason, Refused

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[3]
WORDS = "words"  # what the reader printed
WORDS_LIMIT_CHARS = 4000
POLL_SECONDS = 0.05
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # the stacks of others would count as memory


@dataclass(frozen=True)
class Limits:
    """What reading a file may cost."""

    memory_bytes: int = 4 << 30
    seconds: float = 180.0


@dataclass(frozen=True)
class Reading:
    """What was found.

    Args:
        graph: an ONNX file from ``window`` to ``logits``.
        precision: ``"float"`` or ``"int8"``.
        model: what it computes, as layers (``Model.to_bytes``); empty where it can only be run.
        obstacle: which node no layer describes, and why; empty where there is a model.
        parameter_count: numbers in it.
    """

    graph: bytes
    precision: str
    model: bytes
    obstacle: str
    parameter_count: int


def read_apart(
    data: bytes,
    task: dict[str, Any],
    layout: str,
    folder: Path,
    should_stop: Callable[[], bool],
    limits: Limits | None = None,
) -> Reading:
    """``export.importing.read_graph`` in a process of its own.

    Args:
        data: the file.
        task: what it answers, as JSON values.
        layout: ``"time_channels"``, ``"channels_time"`` or ``""``.
        folder: for this alone.
        should_stop: asked while it runs.
        limits: of memory and time.

    Raises:
        Refused: as ``read_graph``; FIELD_INVALID for a file that its reader did not survive.
        RuntimeError: the reader has a bug.
        Cancelled: ``should_stop`` said so.
    """
    limits = limits or Limits()
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():  # by an attempt before
        left.unlink()
    (folder / FILE).write_bytes(data)
    (folder / ASKED).write_text(json.dumps({"task": task, "layout": layout, **asdict(limits)}))
    code = _run(folder, limits.seconds, should_stop)
    if code == FAILED:
        raise RuntimeError((folder / WORDS).read_text(errors="replace")[-WORDS_LIMIT_CHARS:])
    if code:
        log.warning("the reader of a graph ended with code %d", code)
        raise _deadly(limits)
    return _read(folder)


def _run(folder: Path, seconds: float, should_stop: Callable[[], bool]) -> int:
    """The exit code of the reader: 0 is good, those below 0 are signals."""
    command = [sys.executable, "-m", "service.worker.graph_reader", str(folder)]
    environment = {**os.environ, **ONE_THREAD}
    end = time.monotonic() + seconds
    with (folder / WORDS).open("wb") as words:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=words, stderr=subprocess.STDOUT
        )
    try:
        while process.poll() is None and time.monotonic() < end:
            if should_stop():
                raise Cancelled
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
    finally:
        process.kill()  # does nothing to one that has ended
        process.communicate()
    return process.returncode


def _read(folder: Path) -> Reading:
    answer = json.loads((folder / ANSWER).read_bytes())
    if "reason" in answer:
        raise Refused(Reason(answer["reason"]), field=answer["field"], **answer["details"])
    return Reading(graph=(folder / GRAPH).read_bytes(), model=(folder / MODEL).read_bytes(), **answer)


def _deadly(limits: Limits) -> Refused:
    problem = f"needs to be read within {limits.memory_bytes >> 20} MiB of memory and {limits.seconds:g} s"
    remedy = "Look at it with a viewer of ONNX files, or export it again with another version of its exporter."
    found = "a file that its reader did not survive"
    return Refused(Reason.FIELD_INVALID, field="graph", problem=problem, found=found, remedy=remedy)
