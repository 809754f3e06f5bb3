"""The stages of a job: what its watchers read, and how long each took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import nets.training
from service.domain import Progress
from service.worker.context import Cancelled, Context


class Stages:
    """Names what a job is doing and keeps the seconds of each part.

    Args:
        context: who hears of it, and who may stop the job.
    """

    def __init__(self, context: Context) -> None:
        self.seconds: dict[str, float] = {}
        self._context = context

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run the body as the stage ``name``.

        Raises:
            Cancelled: the job was asked to stop, before or within the body.
        """
        if self._context.should_stop():
            raise Cancelled
        self._context.report(Progress(name))
        began = time.monotonic()
        try:
            yield
        except nets.training.Cancelled as stopped:
            raise Cancelled from stopped
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def epochs(self, name: str, count: int) -> Callable[[nets.training.Epoch], None]:
        """A callback that reports every epoch of a training of ``count`` epochs as progress of the stage ``name``."""
        return lambda row: self._context.report(point(row, name, count))


def point(row: nets.training.Epoch, stage: str, count: int) -> Progress:
    """One epoch as a point of a learning curve."""
    return Progress(stage, min(row.epoch / count, 1.0), row.epoch, row.loss or 0.0, row.validation_accuracy or 0.0)
