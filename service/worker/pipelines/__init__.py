"""What each kind of job does: the one place where simulation, networks, adaptation and export meet.

A pipeline is a function of a job's spec and its context; it returns an outcome and stores nothing itself, so that the
worker commits all of it or nothing.
"""

from collections.abc import Callable
from typing import Any

from service.domain import Outcome
from service.worker.context import Context
from service.worker.pipelines.adapt import adapt
from service.worker.pipelines.evaluate import evaluate
from service.worker.pipelines.export import export
from service.worker.pipelines.fit_device import fit_device
from service.worker.pipelines.identify import identify
from service.worker.pipelines.import_model import import_model
from service.worker.pipelines.pretrain import pretrain

PIPELINES: dict[str, Callable[[Any, Context], Outcome]] = {
    "pretrain": pretrain,
    "adapt": adapt,
    "export": export,
    "evaluate": evaluate,
    "identify": identify,
    "fit": fit_device,
    "import_model": import_model,
}
