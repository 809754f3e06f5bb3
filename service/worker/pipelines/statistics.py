"""Adapt to a device that sends statistics of its windows, and no window."""

from adapters.objectives import moments
from nets.model import Model
from service import domain
from service.domain import AdaptSpec, DataReference, Outcome
from service.worker.context import Context, StoredWindows
from service.worker.pipelines.version import adapted
from slipway.errors import Reason, Refused


def from_statistics(spec: AdaptSpec, context: Context, base: Model, target: StoredWindows) -> Outcome:
    """Fit the input statistics to a device that sent statistics and no window.

    No evidence speaks for or against it without a window, so the gate lets nothing through.

    Raises:
        Refused: another scope than ``input_statistics`` was asked for.
    """
    if spec.scope not in ("", "input_statistics") or set(spec.objectives) - {"moments"}:
        problem = "the dataset holds statistics only, which fit input_statistics × moments"
        remedy = "Leave scope and objectives empty, or upload windows."
        raise Refused(Reason.FIELD_INVALID, field="adapt.scope", problem=problem, found=spec.scope, remedy=remedy)
    assert target.statistics is not None
    count, mean, squares = target.statistics
    reason = "keep the base: only statistics were sent, and without windows nothing can be compared"
    decision = domain.Decision("base", False, reason)
    if spec.enforce_gate:
        return Outcome(decision=decision)
    model = moments.from_statistics(base, mean, squares / count)
    data = DataReference(target.name, target.sha256, 0)
    return adapted(spec, context, base, model, name="input_statistics", data=data, decision=decision)
