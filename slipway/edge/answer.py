"""Windows in, answers out: one JSON line each, in order, with a model that may change between two lines.

A line in is the window, an array of samples that are arrays of channels, or an object ``{"id": …, "window": [[…]]}``;
with ``"label": "class"`` it also says what the right answer is. A line out is ``{"class", "probabilities", "version"}``
or, of a regression, ``{"outputs", "version"}``; where the window is refused, it is ``{"error": {"reason", "message",
"remedy"}}``. An ``id`` comes back with its answer.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from slipway.edge.live import Live
from slipway.errors import Reason, Refused
from slipway.windows import check_values

Array = npt.NDArray[np.float32]

LINE_LIMIT_BYTES = 64 << 20
REMEDY = 'Send [[…], …] with shape (time, channels), or {"id": …, "window": [[…], …], "label": "a class"}.'


@dataclass(frozen=True)
class Seen:
    """A window and what the model made of it.

    Args:
        window: (time, channels) in the sensor's units.
        logits: (answers,); None where the model gave none.
        elapsed_s: seconds by the clock.
        label: the right answer, where somebody told.
        problem: why there are no logits.
    """

    live: Live
    window: Array
    logits: Array | None
    elapsed_s: float
    label: str | None = None
    problem: str = ""


class Watch(Protocol):
    """Looks on while windows are answered. Nothing that it does changes an answer."""

    def answering(self) -> AbstractContextManager[None]:
        """Around each answer."""
        ...

    def saw(self, seen: Seen) -> None:
        """After the answer has left."""
        ...


class Unwatched:
    """Nobody looks on."""

    def answering(self) -> AbstractContextManager[None]:
        """As ``Watch``."""
        return nullcontext()

    def saw(self, seen: Seen) -> None:
        """As ``Watch``."""


UNWATCHED = Unwatched()


def answers(lines: BinaryIO, live: Callable[[], Live], watch: Watch = UNWATCHED) -> Iterator[dict[str, Any]]:
    """Yield one answer for each line; blank lines are skipped.

    Args:
        live: says what answers now; asked once for each line.
        watch: told of each window after its answer was yielded.
    """
    number = 0
    while line := lines.readline(LINE_LIMIT_BYTES + 1):
        number += 1
        if line.strip():
            model = live()
            with watch.answering():
                found, seen = answer_line(line, model, f"line {number}")
            yield found
            if seen is not None:
                watch.saw(seen)


def answer_line(line: bytes, live: Live, field: str = "line") -> tuple[dict[str, Any], Seen | None]:
    """The answer to one line, or the refusal of its window; and what was seen where the window was good."""
    identity: dict[str, Any] = {}
    seen = None
    try:
        window, identity, label = _read(line, field)
        seen = look(window, live, field, label)
        return {**identity, **said(seen, field)}, seen
    except Refused as refusal:
        error = {"reason": refusal.reason, "message": refusal.message, "remedy": refusal.remedy}
        return {**identity, "error": error}, seen


def answer_window(window: Any, live: Live, field: str = "window") -> dict[str, Any]:
    """What the model says about one window (time, channels).

    Raises:
        Refused: the window does not fit the sensor or holds a sample that is not finite; MODEL_FAILED.
    """
    return said(look(window, live, field), field)


def look(window: Any, live: Live, field: str = "window", label: object = None) -> Seen:
    """Show one window (time, channels) to the model. A model that fails is part of what is seen.

    Raises:
        Refused: the window does not fit the sensor or holds a sample that is not finite, or the label is no class.
    """
    task = live.runtime.task
    try:
        array = np.asarray(window, np.float32)[None]
    except (TypeError, ValueError, OverflowError) as error:
        raise _invalid(field, "the samples are not all numbers in rows of one length", window) from error
    values = check_values(array, task.sensor, field)
    if label is not None and label not in task.classes:
        raise _invalid(f"{field}.label", "not a class of the model", label)
    logits, problem = None, ""
    start = time.monotonic()
    try:
        logits = live.runtime.logits(values)[0]
        if not np.isfinite(logits).all():
            logits, problem = None, "it is not a finite number"
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        problem = f"{type(error).__name__}: {error}"
    elapsed_s = time.monotonic() - start
    return Seen(live, values[0], logits, elapsed_s, None if label is None else str(label), problem)


def said(seen: Seen, field: str = "window") -> dict[str, Any]:
    """The answer in words and numbers.

    Raises:
        Refused: MODEL_FAILED.
    """
    version, task = seen.live.version.version, seen.live.runtime.task
    if seen.logits is None:
        raise Refused(Reason.MODEL_FAILED, field=field, name=version, problem=seen.problem)
    logits = seen.logits.astype(np.float64)
    if task.outputs:
        named = zip(task.outputs, logits, strict=True)
        return {"outputs": {output.name: float(value) for output, value in named}, "version": version}
    shares = probabilities(logits)
    return {
        "class": task.classes[int(logits.argmax())],
        "probabilities": {name: round(float(share), 6) for name, share in zip(task.classes, shares, strict=True)},
        "version": version,
    }


def probabilities(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Of each class, from logits (classes,)."""
    shares = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(shares / shares.sum())


def _read(line: bytes, field: str) -> tuple[Any, dict[str, Any], object]:
    if len(line) > LINE_LIMIT_BYTES:
        limit = f"{LINE_LIMIT_BYTES} bytes"
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found="a longer line", limit=limit)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _invalid(field, "not JSON", line[:60]) from error
    if isinstance(value, list):
        return value, {}, None
    if isinstance(value, dict) and "window" in value:
        return value["window"], {"id": value["id"]} if "id" in value else {}, value.get("label")
    raise _invalid(field, "not a window", line[:60])


def _invalid(field: str, problem: str, found: object) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=repr(found)[:60], remedy=REMEDY)
