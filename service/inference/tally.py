"""What was answered, and where the time went. Only the event loop counts, so nothing is locked."""

from dataclasses import dataclass, field

STEPS = ("compute_input", "compute_infer", "compute_output")


@dataclass(slots=True)
class Duration:
    """How often something happened, and the nanoseconds of all times together."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int, count: int = 1) -> None:
        """Something happened ``count`` times and took ``ns`` in all."""
        self.count += count
        self.ns += ns


@dataclass(slots=True)
class Run:
    """One run of a graph.

    Args:
        requests: that were put together.
        windows: of all of them.
        queue_ns: their waiting, added up.
        step_ns: of the run, in the order of ``STEPS``.
    """

    requests: int
    windows: int
    queue_ns: int
    step_ns: tuple[int, int, int]


def _steps() -> tuple[Duration, Duration, Duration]:
    return Duration(), Duration(), Duration()


@dataclass(slots=True)
class Tally:
    """Of one version, since the server started."""

    last_us: int = 0
    windows: int = 0
    runs: int = 0
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    queue: Duration = field(default_factory=Duration)
    steps: tuple[Duration, Duration, Duration] = field(default_factory=_steps)
    sizes: dict[int, tuple[Duration, Duration, Duration]] = field(default_factory=dict)  # by windows in the batch

    def ended(self, answered: bool, ns: int, now_us: int) -> None:
        """A request ended, ``ns`` after it arrived."""
        self.last_us = now_us
        (self.success if answered else self.fail).add(ns)

    def ran(self, run: Run) -> None:
        """A run answered its requests; each of them counts the whole of it."""
        self.windows += run.windows
        self.runs += 1
        self.queue.add(run.queue_ns, run.requests)
        size = self.sizes.get(run.windows)
        if size is None:
            size = self.sizes[run.windows] = _steps()
        for total, of_size, ns in zip(self.steps, size, run.step_ns, strict=True):
            total.add(ns * run.requests, run.requests)
            of_size.add(ns)
