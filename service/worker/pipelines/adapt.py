"""Fit a version to what a device measured; ship only what the gate lets through, with a receipt in any case."""

from nets.inference import answers_kept
from service.domain import AdaptSpec, Outcome
from service.worker.context import Context
from service.worker.pipelines.device import decided, opened
from service.worker.pipelines.fleet import each
from service.worker.pipelines.home import home_of
from service.worker.pipelines.same_task import check_fit
from service.worker.pipelines.stages import Stages
from service.worker.pipelines.statistics import from_statistics


def adapt(spec: AdaptSpec, context: Context) -> Outcome:
    """Let the base, its statistics and the asked-for or recommended methods compete on the target, or on each of many.

    Raises:
        Refused: windows that do not fit, an unknown scope or objective, data that the objective lacks, or a budget that
            no scope meets. Of a fleet's devices none is, its row says why.
        Cancelled: the job was asked to stop.
    """
    with answers_kept():
        return each(spec, context) if spec.targets else adapt_one(spec, context)


def adapt_one(spec: AdaptSpec, context: Context) -> Outcome:
    """The same for one device."""
    stages = Stages(context)
    with stages.stage("reading"):
        home, target = home_of(spec, context), context.dataset(spec.target)
        check_fit(target, home.base.task, "adapt.target")
        if not len(target.values) and target.statistics is not None:
            return from_statistics(spec, context, home.base, target)
        case = opened(spec, home, target)
    return decided(case, context, stages)
