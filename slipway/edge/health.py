"""Whether a version that is on trial may stay: pure functions over what it did with its first windows.

A version stands its trial with so many windows answered, or with some minutes without a failure. It fails with too many
windows unanswered, with one and the same answer to windows that differ, or with too many starts that did not end well.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from slipway.edge.state import START_LIMIT
from slipway.errors import Reason, Refused

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Limits:
    """How long a trial is, and what it bears."""

    windows: int = 50
    quiet_s: float = 600.0
    failure_share: float = 0.1
    answer_s: float = 10.0  # a later answer is a failure
    unlike: float = 0.5  # windows differ from here on: RMS in standard deviations of the self-test's inputs


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Trial:
    """What a version has done so far. Begin with ``begin``."""

    spread: Array | None  # of each channel; None where one answer for all is what the self-test promises
    answered: int = 0
    failed: int = 0
    problem: str = ""  # of the last failure
    unlike: int = 0  # windows that differ from the first
    window: Array | None = None  # the first one
    logits: Array | None = None  # the answer to it, as long as all others equal it


def begin(inputs: Array, outputs: Array) -> Trial:
    """A trial of a bundle whose self-test has ``inputs`` (count, time, channels) and ``outputs`` (count, answers)."""
    constant = bool((outputs == outputs[0]).all()) if len(outputs) else True
    return Trial(None if constant else np.maximum(inputs.std(axis=(0, 1)), np.float32(1e-12)))


def failed(trial: Trial, problem: str) -> Trial:
    """A window was left without an answer."""
    return replace(trial, failed=trial.failed + 1, problem=problem)


def answered(trial: Trial, window: Array, logits: Array, elapsed_s: float, limits: Limits) -> Trial:
    """A window (time, channels) got ``logits`` (answers,) after ``elapsed_s`` seconds."""
    if elapsed_s > limits.answer_s:
        return failed(trial, f"an answer took {elapsed_s:.1f} s, {limits.answer_s:g} s are allowed")
    trial = replace(trial, answered=trial.answered + 1)
    if trial.spread is None:
        return trial
    if trial.window is None:
        return replace(trial, window=window, logits=logits)
    if trial.logits is None or not np.array_equal(logits, trial.logits):
        return replace(trial, logits=None)
    distance = float(np.sqrt(np.square((window - trial.window) / trial.spread).mean()))
    return replace(trial, unlike=trial.unlike + (distance > limits.unlike))


def problem(trial: Trial, limits: Limits) -> str:
    """Why the version has to go; empty while it may stay."""
    if trial.failed > limits.failure_share * limits.windows:
        count = trial.failed + trial.answered
        return f"{trial.failed} of {count} windows got no answer, the last one because {trial.problem}"
    if trial.logits is not None and trial.unlike >= limits.windows // 2:
        return f"it gives one and the same answer to {trial.unlike} windows that differ"
    return ""


def stood(trial: Trial, elapsed_s: float, limits: Limits) -> bool:
    """Whether the trial is over and the version stays. ``elapsed_s`` counts from its first moment in this process."""
    if problem(trial, limits):
        return False
    return trial.answered + trial.failed >= limits.windows or (trial.failed == 0 and elapsed_s >= limits.quiet_s)


def gate(version: str, trial: Trial, limits: Limits) -> Refused | None:
    """The refusal of a version that has to go."""
    found = problem(trial, limits)
    return Refused(Reason.HEALTH_GATE, field="version", name=version, problem=found) if found else None


def boot_loop(version: str, starts: int) -> Refused | None:
    """The refusal of a version that is not started once more after ``starts`` that did not end well."""
    if starts < START_LIMIT:
        return None
    return Refused(Reason.BOOT_LOOP, field="version", name=version, found=starts, limit=START_LIMIT)
