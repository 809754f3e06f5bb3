"""Windows in, answers out: one JSON line each, in order, with a model that may change between two lines.

A line in is the window, an array of samples that are arrays of channels, or an object ``{"id": …, "window": [[…]]}``.
A line out is ``{"class", "probabilities", "version"}``, of a regression ``{"outputs", "version"}``, or
``{"error": {"reason", "message", "remedy"}}`` where the window is refused; an ``id`` comes back with its answer.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np

from slipway.edge.install import Live
from slipway.errors import Reason, Refused
from slipway.windows import check_values

LINE_LIMIT_BYTES = 64 << 20
REMEDY = 'Send [[…], …] with shape (time, channels), or {"id": …, "window": [[…], …]}.'


def answers(lines: BinaryIO, live: Callable[[], Live]) -> Iterator[dict[str, Any]]:
    """Yield one answer for each line; blank lines are skipped.

    Args:
        live: says what answers now; asked once for each line.
    """
    number = 0
    while line := lines.readline(LINE_LIMIT_BYTES + 1):
        number += 1
        if line.strip():
            yield answer_line(line, live(), f"line {number}")


def answer_line(line: bytes, live: Live, field: str = "line") -> dict[str, Any]:
    """The answer to one line, or the refusal of its window."""
    identity: dict[str, Any] = {}
    try:
        window, identity = _read(line, field)
        return {**identity, **answer_window(window, live, field)}
    except Refused as refusal:
        error = {"reason": refusal.reason, "message": refusal.message, "remedy": refusal.remedy}
        return {**identity, "error": error}


def answer_window(window: Any, live: Live, field: str = "window") -> dict[str, Any]:
    """What the model says about one window (time, channels).

    Raises:
        Refused: the window does not fit the sensor or holds a sample that is not finite.
    """
    task = live.runtime.task
    try:
        values = np.asarray(window, np.float32)[None]
    except (TypeError, ValueError, OverflowError) as error:
        raise _invalid(field, "the samples are not all numbers in rows of one length", window) from error
    logits = live.runtime.logits(check_values(values, task.sensor, field))[0].astype(np.float64)
    if task.outputs:
        named = zip(task.outputs, logits, strict=True)
        return {"outputs": {output.name: float(value) for output, value in named}, "version": live.version.version}
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    return {
        "class": task.classes[int(logits.argmax())],
        "probabilities": {name: round(float(share), 6) for name, share in zip(task.classes, shares, strict=True)},
        "version": live.version.version,
    }


def _read(line: bytes, field: str) -> tuple[Any, dict[str, Any]]:
    if len(line) > LINE_LIMIT_BYTES:
        limit = f"{LINE_LIMIT_BYTES} bytes"
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found="a longer line", limit=limit)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _invalid(field, "not JSON", line[:60]) from error
    if isinstance(value, list):
        return value, {}
    if isinstance(value, dict) and "window" in value:
        return value["window"], {"id": value["id"]} if "id" in value else {}
    raise _invalid(field, "not a window", line[:60])


def _invalid(field: str, problem: str, found: object) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=repr(found)[:60], remedy=REMEDY)
