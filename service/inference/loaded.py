"""A version in memory: the bundle's own graph, checked as a device checks it; whether batches change its answers."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from service.inference.batching import Batcher, Logits
from service.inference.limits import Limits
from service.inference.refusals import busy
from service.inference.tally import Tally
from slipway.bundle.archive import read
from slipway.bundle.runtime import Runtime
from slipway.errors import Refused
from slipway.spec import TaskSpec
from slipway.windows import Values

PROBE_WINDOWS = 32
FIELD = "inputs.window"
SESSION_BYTES = 1 << 20  # what ONNX Runtime holds for a session beside the graph's numbers


@dataclass(frozen=True, eq=False)
class Loaded:
    """A version that answers.

    Args:
        model_id, number: which one.
        task: what it answers.
        batcher: answers windows.
        tally: counts what it answered.
        size_bytes: memory, about.
        together: whether windows run together; else one after another, because the graph rounds a batch differently.
    """

    model_id: str
    number: int
    task: TaskSpec
    batcher: Batcher
    tally: Tally
    size_bytes: int
    together: bool


def load(content: bytes, model_id: str, number: int, pool: Executor, limits: Limits, tally: Tally) -> Loaded:
    """Open a bundle and make it answer.

    Args:
        content: the file that devices install.
        pool: where it runs.
        tally: of earlier times that the version was loaded.

    Raises:
        Refused: whatever a device refuses: BUNDLE_MALFORMED, BUNDLE_UNUSABLE, SELF_TEST_FAILED and others.
    """
    runtime = Runtime(read(content))
    runtime.self_test()
    together = answers_alike(runtime, limits.batch_windows)
    compute = named(runtime.logits if together else one_by_one(runtime))
    batcher = Batcher(
        compute, pool, limits, tally, lambda seconds: busy(model_id, number, limits.queue_windows, seconds)
    )
    size_bytes = len(content) + len(runtime.bundle.graph) + SESSION_BYTES
    return Loaded(model_id, number, runtime.task, batcher, tally, size_bytes, together)


def one_by_one(runtime: Runtime) -> Callable[[Values], Logits]:
    """Logits of windows, each run alone as on a device."""
    return lambda windows: np.concatenate([runtime.logits(window[None]) for window in windows])


def named(compute: Callable[[Values], Logits]) -> Callable[[Values], Logits]:
    """The same, with refusals that name the field of the request."""

    def call(windows: Values) -> Logits:
        try:
            return compute(windows)
        except Refused as refused:
            raise Refused(refused.reason, field=FIELD, **refused.details) from None

    return call


def answers_alike(runtime: Runtime, batch_windows: int) -> bool:
    """Whether the graph gives a window the same bits alone and in batches.

    Integer arithmetic does. A float product may be summed up in another order when it has more rows; that depends on
    the count of rows, not on the numbers, so a few windows in batches of many sizes show it.
    """
    windows = _probe(runtime)
    alone = one_by_one(runtime)(windows)
    sizes = sorted({size for size in (2, 3, 4, 7, 8, 16, 32, batch_windows) if 1 < size <= batch_windows})
    for size in sizes:
        rows = np.arange(size) % len(windows)
        if runtime.logits(windows[rows]).tobytes() != alone[rows].tobytes():
            return False
    return True


def _probe(runtime: Runtime) -> Values:
    """The bundle's own windows, and the same with noise."""
    own = runtime.bundle.inputs
    rng = np.random.default_rng(0)
    rows = own[np.arange(PROBE_WINDOWS) % len(own)]
    noise = rng.normal(0, float(own.std()) or 1.0, rows.shape).astype(np.float32)
    noise[: len(own)] = 0
    return np.asarray(rows + noise, np.float32)
