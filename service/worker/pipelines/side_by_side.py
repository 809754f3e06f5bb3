"""Which devices of a fleet learn as lanes of one program, and what their candidates become there.

Devices for which the same plans compete share a program: pools are padded, the backbone is one, and what was compiled
for one batch serves the next. The others go alone, and the log says why.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from adapters import catalog
from adapters.choice import Plan
from adapters.engine import Adapted, checked
from adapters.fleet.together import Job, Padding, adapt_together
from adapters.gate.held_out import hold_out
from nets.model import Model
from nets.windows import Windows, bucket
from service.worker.pipelines.device import Case
from service.worker.pipelines.home import Home
from slipway.errors import Refused

log = logging.getLogger(__name__)

WIDTH_LIMIT = 16  # devices at once
WINDOW_LIMIT = 4096  # windows at once, padding included: bounds memory
ALONE_FROM = 1024  # windows of a pool that fills a program by itself
FILLED = 0.75  # of a program's lanes, over which padding the rest is cheaper than another program

Form = tuple[Plan, ...]


class SideBySide:
    """Devices that wait until a program is full, and what was compiled so far.

    Args:
        home: of all devices.
        should_stop: asked after every pass.
    """

    def __init__(self, home: Home, should_stop: Callable[[], bool]) -> None:
        self._home = home
        self._should_stop = should_stop
        self._waiting: dict[Form, list[Case]] = {}
        self._padding: dict[tuple[Form, int], Padding] = {}
        self._prepared: dict[str, Model] = {}
        self._source: Windows | None = None

    def add(self, case: Case) -> list[Case]:
        """Take a device; return those whose program is full now, this one among them."""
        reason = alone_for(case)
        if reason:
            log.info("%s goes alone: %s", case.spec.target, reason)
            return [case]
        members = self._waiting.setdefault(_form(case), [])
        members.append(case)
        return self._waiting.pop(_form(case)) if len(members) >= _room(members) else []

    def rest(self) -> list[list[Case]]:
        """The devices whose program never got full, in programs as full as can be."""
        waiting, self._waiting = list(self._waiting.values()), {}
        return [part for members in waiting for part in _parts(members)]

    def run(self, cases: Sequence[Case]) -> list[Mapping[str, Adapted] | Refused]:
        """The candidates of devices that ``add`` or ``rest`` gave together; none of a device alone, it makes its own.

        Raises:
            Cancelled: the job was asked to stop.
        """
        if len(cases) == 1:
            return [{}]
        key = _form(cases[0]), _width(len(cases))
        pools = [_learned(case) for case in cases]
        padding = self._padding.get(key, Padding()).holding(pools, _width(len(cases)))
        jobs = [job for case, pool in zip(cases, pools, strict=True) for job in self._jobs(case, pool)]
        ends, self._padding[key] = adapt_together(self._home.base, jobs, padding, self._should_stop)
        size = len(key[0])
        return [_named(case, ends[size * place : size * (place + 1)]) for place, case in enumerate(cases)]

    def _jobs(self, case: Case, pool: Windows) -> list[Job]:
        source = None if case.task.source is None else self._home_windows()
        return [
            Job(
                prepared=self._prepared_for(plan),
                scope=catalog.scope(plan.scope),
                objective=catalog.objective(plan.objective),
                options=case.options,
                seed=case.spec.seed + plan.repeat,
                target=pool,
                source=source,
            )
            for plan in _form(case)
        ]

    def _prepared_for(self, plan: Plan) -> Model:
        """One object a scope: lanes of one program hold the same."""
        if plan.scope not in self._prepared:
            self._prepared[plan.scope] = catalog.scope(plan.scope).prepared(self._home.base)
        return self._prepared[plan.scope]

    def _home_windows(self) -> Windows:
        if self._source is None:
            sample = self._home.sample
            self._source = checked(self._home.base, sample.values, sample.labels, "source")
        return self._source


def alone_for(case: Case) -> str:
    """Why a device cannot share a program with others, in words; empty where it can."""
    if not case.plans.all():
        return "nothing competes with doing nothing"
    count = len(case.task.values)
    if count >= ALONE_FROM:
        return f"its {count} windows fill a program"
    if case.task.labels is not None and hold_out(_pool(case), len(case.task.base.task.classes), case.spec.seed).folds:
        return "few windows are labelled, so candidates are judged by models made without some of them"
    return ""


def _form(case: Case) -> Form:
    return tuple(case.plans.all().values())


def _pool(case: Case) -> Windows:
    return checked(case.task.base, case.task.values, case.task.labels, "target")


def _learned(case: Case) -> Windows:
    """The pool with the labels that candidates may learn, as ``adapters.choice.choose`` parts them."""
    pool = _pool(case)
    return Windows(pool.values, hold_out(pool, len(case.task.base.task.classes), case.spec.seed).learned)


def _room(members: Sequence[Case]) -> int:
    """How many devices with pools like these learn at once."""
    rows = bucket(max(len(case.task.values) for case in members))
    return min(WIDTH_LIMIT, 1 << ((WINDOW_LIMIT // rows).bit_length() - 1))


def _width(count: int) -> int:
    """Lanes of the program that ``count`` devices share: powers of two, so that few are compiled."""
    return 1 << (count - 1).bit_length()


def _parts(members: list[Case]) -> list[list[Case]]:
    """``members`` in programs that are not much larger than what is in them."""
    width = _width(len(members))
    if len(members) > FILLED * width:
        return [members]
    return [members[: width // 2], *_parts(members[width // 2 :])]


def _named(case: Case, ends: Sequence[Adapted | Refused]) -> Mapping[str, Adapted] | Refused:
    """Candidates by name, or the first refusal: what a device alone would meet first."""
    found: dict[str, Adapted] = {}
    for name, end in zip(case.plans.all(), ends, strict=True):
        if isinstance(end, Refused):
            return end
        found[name] = end
    return found
