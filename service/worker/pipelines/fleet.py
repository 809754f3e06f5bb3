"""Many devices: each gets its own decision and version, and none stops the others.

Devices stream: a batch of them is in memory, side by side in as few programs as can be; what came of a device lies on
the disk as soon as it is decided, so that a worker that takes over goes on with the first that is not.
"""

import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from adapters.engine import Adapted
from nets import training
from service.domain import AdaptSpec, NewDevice, Outcome, Progress
from service.names import dataset_id
from service.worker.context import Cancelled, Context
from service.worker.pipelines.device import Case, decided, opened
from service.worker.pipelines.finished import Done, Finished
from service.worker.pipelines.home import Home, home_of, read_once
from service.worker.pipelines.same_task import check_fit
from service.worker.pipelines.side_by_side import SideBySide
from service.worker.pipelines.stages import Stages
from service.worker.pipelines.statistics import from_statistics
from slipway.errors import Refused

log = logging.getLogger(__name__)


def each(spec: AdaptSpec, context: Context) -> Outcome:
    """Adapt to every target of ``spec``.

    Returns:
        One row a device; the receipts of those that keep the base as one file of the job.

    Raises:
        Refused: a source whose windows do not fit.
        Cancelled: the job was asked to stop.
    """
    context = read_once(context)
    finished = Finished(context.folder / "finished")
    waiting = [target for target in spec.targets if target not in finished]
    if len(waiting) < len(spec.targets):
        log.info("%d of %d devices were done before", len(spec.targets) - len(waiting), len(spec.targets))
    if waiting:
        _Run(spec, context, finished).all(waiting)
    return _outcome(finished.read(target) for target in spec.targets)


class _Run:
    """One worker's way through the devices that are not finished."""

    def __init__(self, spec: AdaptSpec, context: Context, finished: Finished) -> None:
        self._spec = spec
        self._context = context
        self._finished = finished
        self._done = 0

    def all(self, targets: Sequence[str]) -> None:
        home = home_of(self._spec, self._context)
        together = SideBySide(home, self._context.should_stop)
        self._done = len(self._spec.targets) - len(targets)
        for target in targets:
            case = self._opened(target, home)
            if case is not None:
                self._decide(together, together.add(case))
        for cases in together.rest():
            self._decide(together, cases)

    def _opened(self, target: str, home: Home) -> Case | None:
        """A device that is to be decided; None where that needed no windows."""
        spec = replace(self._spec, target=target, targets=())
        try:
            sent = self._context.dataset(target)
            check_fit(sent, home.base.task, "adapt.target")
            if len(sent.values) or sent.statistics is None:
                return opened(spec, home, sent)
            self._keep(target, from_statistics(spec, self._quiet(target), home.base, sent))
        except Refused as refused:
            self._refuse(target, refused)
        return None

    def _decide(self, together: SideBySide, cases: Sequence[Case]) -> None:
        """Decide devices whose candidates are made together, one by one, and let go of each."""
        if not cases:
            return
        self._say(len(cases))
        began = time.monotonic()
        try:
            made = together.run(cases)
        except training.Cancelled as stopped:
            raise Cancelled from stopped
        share = (time.monotonic() - began) / len(cases)
        for case, candidates in zip(cases, made, strict=True):
            self._say(1)
            self._one(case, candidates, share)

    def _one(self, case: Case, candidates: Mapping[str, Adapted] | Refused, share: float) -> None:
        target = case.spec.target
        if isinstance(candidates, Refused):
            self._refuse(target, candidates)
            return
        context = self._quiet(target)
        stages = Stages(context)
        stages.seconds["side by side"] = share
        try:
            self._keep(target, decided(case, context, stages, candidates, of_fleet=True))
        except Refused as refused:
            self._refuse(target, refused)
        shutil.rmtree(context.folder, ignore_errors=True)

    def _quiet(self, target: str) -> Context:
        """The job's context as a single device of it sees it."""
        folder = self._context.folder / "work" / dataset_id(target, "target")
        return replace(self._context, folder=folder, report=lambda progress: None)

    def _keep(self, target: str, outcome: Outcome) -> None:
        self._finished.keep(target, outcome)
        self._done += 1

    def _refuse(self, target: str, refused: Refused) -> None:
        self._finished.refuse(target, refused)
        self._done += 1

    def _say(self, count: int) -> None:
        if self._context.should_stop():
            raise Cancelled
        first, total = self._done + 1, len(self._spec.targets)
        which = f"device {first}" if count == 1 else f"devices {first} to {self._done + count}"
        self._context.report(Progress(f"{which} of {total}", self._done / total))


def _outcome(rows: Iterator[Done]) -> Outcome:
    devices: list[NewDevice] = []
    receipts: list[bytes] = []
    seconds = 0.0
    for row in rows:
        devices.append(row.device)
        seconds += row.seconds
        if row.receipt:
            receipts.append(b'"%s": %s' % (row.device.target.encode(), row.receipt))
    files = {"receipts": b"{\n" + b",\n".join(sorted(receipts)) + b"\n}"} if receipts else {}
    return Outcome(artifacts=files, devices=tuple(devices), stage_seconds={"adapting": seconds})
