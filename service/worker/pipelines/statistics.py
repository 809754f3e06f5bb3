"""Adapt to a device that sends statistics of its windows, and no window."""

from dataclasses import asdict

from adapters import budget, catalog
from adapters.gate.decision import BASE, Rules
from adapters.objectives import moments
from adapters.options import Options
from adapters.receipt.account import device_bytes
from adapters.receipt.receipt import Candidate, Receipt
from nets.model import Model
from service import domain
from service.convert.common import within
from service.domain import AdaptSpec, DataReference, Outcome
from service.worker.context import Context, StoredWindows
from service.worker.pipelines.papers import origin_of
from service.worker.pipelines.version import adapted
from slipway.errors import Reason, Refused

SCOPE = "input_statistics"
REMARK = "The device sent statistics and no window: nothing can be compared."


def from_statistics(spec: AdaptSpec, context: Context, base: Model, target: StoredWindows) -> Outcome:
    """Fit the input statistics to a device that sent statistics and no window.

    No evidence speaks for or against it without a window, so the gate lets nothing through.

    Raises:
        Refused: another scope than ``input_statistics`` was asked for, or it does not fit the budget.
    """
    objectives = {name for plan in spec.candidates for name in plan.objectives} | set(spec.objectives)
    asked = {spec.scope, *(plan.scope for plan in spec.candidates)} - {"", SCOPE}
    if asked or objectives - {"moments"}:
        problem = "the dataset holds statistics only, which fit input_statistics × moments"
        remedy = "Leave scope and objectives empty, or upload windows."
        found = ", ".join(sorted(asked or objectives))
        raise Refused(Reason.FIELD_INVALID, field="adapt.scope", problem=problem, found=found, remedy=remedy)
    if spec.byte_budget:
        with within("adapt"):
            budget.widest(base, spec.byte_budget, [catalog.scope(SCOPE)])
    assert target.statistics is not None
    count, mean, squares = target.statistics
    reason = "keep the base: only statistics were sent, and without windows nothing can be compared"
    decision = domain.Decision(BASE, False, reason)
    if spec.enforce_gate:
        return Outcome(decision=decision, artifacts=_files(spec, context, base, target, decision, BASE))
    model = moments.from_statistics(base, mean, squares / count)
    data = DataReference(target.name, target.sha256, 0)
    files = _files(spec, context, base, target, decision, SCOPE)
    return adapted(spec, context, base, model, name=SCOPE, data=data, files=files, decision=decision)


def _files(
    spec: AdaptSpec, context: Context, base: Model, target: StoredWindows, decision: domain.Decision, shipped: str
) -> dict[str, bytes]:
    """The receipt; a report has nothing to draw without windows."""
    origin, needed = origin_of(spec, context, target, None), device_bytes(base, SCOPE)
    candidates: tuple[Candidate, ...] = (Candidate(BASE, "", "", {}, 0, {}, None, 0.0, 0, 0, {}),)
    if shipped != BASE:
        options = asdict(Options())
        candidates += (Candidate(SCOPE, SCOPE, "moments", options, 0, {}, None, 0.0, needed, needed, {}),)
    receipt = Receipt(
        **vars(origin),
        explanation="",
        remarks=(REMARK,),
        candidates=candidates,
        decision={"chosen": decision.chosen, "promoted": decision.promoted, "reason": decision.reason},
        rules=asdict(Rules()),
        shipped=shipped,
        ladder=(),
        diagnosis=(),
        gains=None,
        sets=None,
        seconds=0.0,
        size_bytes=0 if shipped == BASE else needed,
        int8_bytes=0 if shipped == BASE else needed,
    )
    return {"receipt": receipt.to_bytes()}
