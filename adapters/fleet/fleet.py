"""One method for a whole fleet: devices stream in, their adapters stream out, and memory holds one batch of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from adapters import catalog
from adapters.engine import Adapted, checked
from adapters.fleet.together import Job, Padding, adapt_together
from adapters.objective import Objective
from adapters.options import Options
from adapters.scopes import Scope
from nets.model import Model
from nets.windows import Windows, bucket
from slipway.errors import Reason, Refused
from slipway.windows import Answers, Values

BATCH_LIMIT = 1024


@dataclass(frozen=True, eq=False)
class Device:
    """What one device sent.

    Args:
        name: comes back beside its adapter.
        values: (count, time, channels).
        labels: (count,), -1 where nobody said; (count, outputs) of a regression; None where nobody said anything.
    """

    name: str
    values: Values
    labels: Answers | None = None


def adapt_fleet(
    base: Model,
    devices: Iterable[Device],
    *,
    scope: Scope | str,
    objective: Objective | str,
    source_values: Values | None = None,
    source_labels: Answers | None = None,
    options: Options | None = None,
    seed: int = 0,
    batch: int = 16,
    largest: int = 0,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[tuple[str, Adapted | Refused]]:
    """``engine.adapt`` for every device, a batch of them as one program; outcomes in the devices' order.

    Pools are padded to the largest seen, and so is the last batch: a fleet compiles one program, and another when a
    larger pool than any before needs it.

    Args:
        base: the model to fit.
        devices: taken ``batch`` by ``batch``; a device of which nothing is kept once its outcome is handed out.
        scope: which arrays may change, as a value or as text.
        objective: what pulls them, as a value or as text.
        source_values: (count, time, channels), what the base learned from.
        source_labels: as the devices' labels.
        options: step sizes and the like.
        seed: of order, split and initial numbers, the same for every device.
        batch: devices at once.
        largest: windows of the largest pool to come, if it is known: then nothing is compiled twice.
        should_stop: asked after every pass.

    Yields:
        A device's name and its outcome, or why it was refused: that harms no other device.

    Raises:
        Refused: source windows, scope, objective or batch that do not fit.
        Cancelled: ``should_stop`` said so.
    """
    if not 1 <= batch <= BATCH_LIMIT:
        remedy = f"Use 1 to {BATCH_LIMIT} devices."
        raise Refused(Reason.FIELD_INVALID, field="batch", problem="not a batch", found=batch, remedy=remedy)
    scope = catalog.scope(scope) if isinstance(scope, str) else scope
    objective = catalog.objective(objective) if isinstance(objective, str) else objective
    source = None if source_values is None else checked(base, source_values, source_labels, "source")
    prepared = scope.prepared(base)

    def job(target: Windows) -> Job:
        return Job(prepared, scope, objective, options or Options(), seed, target, source)

    return _streamed(base, iter(devices), job, batch, Padding(rows=bucket(largest)), should_stop)


def _streamed(
    base: Model,
    devices: Iterator[Device],
    job: Callable[[Windows], Job],
    batch: int,
    padding: Padding,
    should_stop: Callable[[], bool] | None,
) -> Iterator[tuple[str, Adapted | Refused]]:
    while members := list(islice(devices, batch)):
        pools = [_checked(base, device) for device in members]
        sound = [pool for pool in pools if isinstance(pool, Windows)]
        names = [device.name for device in members]
        del members  # the windows are in the pools now
        outcomes, padding = adapt_together(
            base, [job(pool) for pool in sound], padding.holding(sound, batch), should_stop
        )
        ended = iter(outcomes)
        for name, pool in zip(names, pools, strict=True):
            yield name, (pool if isinstance(pool, Refused) else next(ended))


def _checked(base: Model, device: Device) -> Windows | Refused:
    try:
        return checked(base, device.values, device.labels, "target")
    except Refused as refused:
        return refused
