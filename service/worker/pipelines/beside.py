"""What a receipt says beside the choice: remarks, gains of transfer, and sets of classes."""

from adapters import catalog
from adapters.choice import Chosen
from adapters.objective import Need
from adapters.options import Options
from adapters.receipt.account import Told
from adapters.receipt.coverage import cover
from adapters.receipt.worth import worth
from adapters.sensor.diagnosis import diagnosis_of
from nets.layers import Correct
from nets.model import Model
from nets.windows import Windows
from service.domain import AdaptSpec
from service.worker.context import Context
from service.worker.pipelines.papers import Task, noticed
from service.worker.pipelines.plans import Plans
from slipway.windows import unanswered


def found_beside(
    spec: AdaptSpec,
    context: Context,
    task: Task,
    plans: Plans,
    chosen: Chosen,
    options: Options,
    shipped: str,
    model: Model,
) -> Told:
    """What the receipt says beside the choice.

    Args:
        spec: of the job: whether gains and sets are asked for.
        context: of the job.
        task: base and windows.
        plans: that competed.
        chosen: what came of them.
        options: of every candidate.
        shipped: the candidate that ``model`` is; "base" for none.
        model: what is shipped.

    Raises:
        Cancelled: the job was asked to stop.
    """
    gains = sets = None
    if spec.measure_gains and task.labels is not None and task.base.task.classes:
        gains = worth(
            task.base, task.values, task.labels, options=options, seed=spec.seed, should_stop=context.should_stop
        )
    if spec.conformal_coverage:
        plan = plans.all().get(shipped)
        learned = plan is not None and Need.LABELS in catalog.objective(plan.objective).needs
        unseen = unanswered(len(task.values), 0) if learned or task.labels is None else task.labels
        source = None if task.source is None else Windows(task.source.values, task.source.labels)
        pool = Windows(task.values, unseen)
        sets = cover(task.base, model, pool, source, share=spec.conformal_coverage, seed=spec.seed)
    return Told(
        explanation=plans.explanation,
        remarks=(*noticed(task), *plans.remarks),
        diagnosis=_diagnosis(chosen, model),
        gains=gains,
        sets=sets,
    )


def _diagnosis(chosen: Chosen, model: Model) -> tuple[str, ...]:
    """What the sensor has, by the numbers of a correction in front of the net; nothing where none was estimated."""
    for candidate in (model, *(each.model for each in chosen.candidates.values())):
        if isinstance(candidate.layers[0], Correct):
            return diagnosis_of(candidate)
    return ()
