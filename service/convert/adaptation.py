"""Adaptations: what may change, what pulls it, within which bounds, and what the gate said."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from service.catalogue.records import Device
from service.convert.common import SEED_LIMIT, dataset_named, refusal, text, unknown_number, version_named, whole
from service.domain import AdaptPlan, AdaptSpec, Decision
from service.errors import to_status
from slipway.errors import Reason, Refused
from slipway.v1 import jobs_pb2

OBJECTIVE_LIMIT = 16
CANDIDATE_LIMIT = 64
REPEAT_LIMIT = 10
TARGET_LIMIT = 1000
BUDGET_LIMIT_BYTES = 1 << 40
CLASS_LIMIT = 4096
COVERAGES = (0.5, 0.999)
# By field of the message: the name in adapters.options.Options, and the least and the largest number that is taken.
OPTIONS: dict[str, tuple[str, float, float]] = {
    "learning_rate": ("learning_rate", 1e-8, 0.999),
    "step_count": ("steps", 1, 100_000),
    "batch_size": ("batch_size", 1, 4096),
    "pull_to_base": ("pull_to_base", 0, 1000),
    "label_smoothing": ("label_smoothing", 0, 0.999),
    "validation_share": ("validation_share", 0, 0.999),
    "patience": ("patience", 0, 0.999),
}


def spec_from(spec: jobs_pb2.AdaptSpec) -> AdaptSpec:
    """What to adapt to what, and how.

    Raises:
        Refused: with the field that is missing or wrong, or that contradicts another one.
    """
    field = "job.adapt"
    if spec.gate_policy not in jobs_pb2.AdaptSpec.GatePolicy.values():
        raise unknown_number(f"{field}.gate_policy", spec.gate_policy, jobs_pb2.AdaptSpec.GatePolicy.keys())
    _check_alone(spec)
    return AdaptSpec(
        base=version_named(spec.base, f"{field}.base"),
        target="" if spec.targets else dataset_named(spec.target, f"{field}.target"),
        scope=text(spec.scope, f"{field}.scope"),
        objectives=_objectives_from(spec.objectives, f"{field}.objectives"),
        enforce_gate=spec.gate_policy != jobs_pb2.AdaptSpec.REPORT_ONLY,
        source=dataset_named(spec.source, f"{field}.source") if spec.source else "",
        seed=whole(spec.seed, f"{field}.seed", SEED_LIMIT),
        byte_budget=whole(spec.byte_budget, f"{field}.byte_budget", BUDGET_LIMIT_BYTES),
        candidates=_candidates_from(spec),
        seed_count=whole(spec.seed_count, f"{field}.seed_count", REPEAT_LIMIT) or 1,
        options=_options_from(spec.options, f"{field}.options"),
        conformal_coverage=_coverage_from(spec.conformal_coverage, f"{field}.conformal_coverage"),
        targets=_targets_from(spec.targets, f"{field}.targets"),
        source_free=spec.source_free,
        measure_gains=spec.measure_gains,
    )


def spec_to(spec: AdaptSpec) -> jobs_pb2.AdaptSpec:
    """Write it back."""
    policy = jobs_pb2.AdaptSpec.ENFORCE if spec.enforce_gate else jobs_pb2.AdaptSpec.REPORT_ONLY
    plans = [jobs_pb2.AdaptPlan(scope=p.scope, objectives=_objectives_to(p.objectives)) for p in spec.candidates]
    message = jobs_pb2.AdaptSpec(
        base=spec.base,
        target=spec.target,
        scope=spec.scope,
        objectives=_objectives_to(spec.objectives),
        gate_policy=policy,
        source=spec.source,
        seed=spec.seed,
        byte_budget=spec.byte_budget,
        candidates=plans,
        seed_count=0 if spec.seed_count == 1 else spec.seed_count,
        conformal_coverage=spec.conformal_coverage,
        targets=spec.targets,
        source_free=spec.source_free,
        measure_gains=spec.measure_gains,
    )
    if spec.options:
        names = {name: field for field, (name, _, _) in OPTIONS.items()}
        options = {names.get(name, name): value for name, value in spec.options.items()}
        message.options.CopyFrom(jobs_pb2.AdaptOptions(**options))
    return message


def decision_to(decision: Decision) -> jobs_pb2.Decision:
    """Write the gate's decision."""
    rows = [jobs_pb2.Evidence(**vars(each)) for each in decision.evidence]
    return jobs_pb2.Decision(**{**vars(decision), "evidence": rows})


def device_to(device: Device) -> jobs_pb2.DeviceResult:
    """Write what came of one device of a fleet."""
    message = jobs_pb2.DeviceResult(
        target=device.target, version=device.version, adapter_size_bytes=device.adapter_size_bytes
    )
    if device.decision is not None:
        message.decision.CopyFrom(decision_to(device.decision))
    if device.failure is not None:
        message.error.CopyFrom(to_status(refusal(device.failure)))
    return message


def _check_alone(spec: jobs_pb2.AdaptSpec) -> None:
    """Refuse two fields that say different things about the same."""
    given = {
        "target": bool(spec.target),
        "targets": bool(spec.targets),
        "candidates": bool(spec.candidates),
        "scope": bool(spec.scope) or any(plan.scope for plan in spec.candidates),
        "objectives": bool(spec.objectives),
        "byte_budget": spec.byte_budget != 0,
        "source": bool(spec.source),
        "source_free": spec.source_free,
    }
    pairs = [("targets", "target"), ("candidates", "objectives"), ("byte_budget", "scope"), ("source", "source_free")]
    if spec.candidates and spec.scope:
        pairs.insert(0, ("candidates", "scope"))
    for one, other in pairs:
        if given[one] and given[other]:
            words = {"problem": f"cannot be given together with {other}", "found": "both"}
            raise Refused(Reason.FIELD_INVALID, field=f"job.adapt.{one}", **words, remedy="Send one of the two.")


def _candidates_from(spec: jobs_pb2.AdaptSpec) -> tuple[AdaptPlan, ...]:
    field = "job.adapt.candidates"
    _check_count(spec.candidates, CANDIDATE_LIMIT, field)
    found = []
    for number, plan in enumerate(spec.candidates):
        here = f"{field}[{number}]"
        if not plan.scope and not spec.byte_budget:
            raise Refused(Reason.FIELD_REQUIRED, field=f"{here}.scope")
        if not plan.objectives:
            raise Refused(Reason.FIELD_REQUIRED, field=f"{here}.objectives")
        scope = text(plan.scope, f"{here}.scope")
        found.append(AdaptPlan(scope, _objectives_from(plan.objectives, f"{here}.objectives")))
    return tuple(found)


def _objectives_from(objectives: Sequence[jobs_pb2.WeightedObjective], field: str) -> dict[str, float]:
    _check_count(objectives, OBJECTIVE_LIMIT, field)
    weights: dict[str, float] = {}
    for each in objectives:
        name = text(each.objective, f"{field}.objective", required=True)
        if name in weights or not (math.isfinite(each.weight) and each.weight >= 0):
            words = {
                "problem": "needs each objective once, with a weight of 0 or more",
                "found": f"{name} {each.weight}",
            }
            raise Refused(Reason.FIELD_INVALID, field=field, **words, remedy="Merge or correct the weights.")
        weights[name] = each.weight or 1.0
    return weights


def _objectives_to(objectives: dict[str, float]) -> list[jobs_pb2.WeightedObjective]:
    return [jobs_pb2.WeightedObjective(objective=name, weight=weight) for name, weight in objectives.items()]


def _options_from(options: jobs_pb2.AdaptOptions, field: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (own, least, most) in OPTIONS.items():
        if not options.HasField(name):
            continue
        value = getattr(options, name)
        if not least <= value <= most:  # NaN too
            words = {"problem": f"needs {least:g} to {most:g}", "found": value}
            remedy = "Correct it, or leave it out for the default."
            raise Refused(Reason.FIELD_INVALID, field=f"{field}.{name}", **words, remedy=remedy)
        found[own] = value
    if options.marginal:
        _check_count(options.marginal, CLASS_LIMIT, f"{field}.marginal")
        if not all(math.isfinite(share) and share >= 0 for share in options.marginal) or not sum(options.marginal):
            words = {"problem": "needs a finite share of 0 or more for each class", "found": list(options.marginal)}
            remedy = "Send one share for each class of the model, or none."
            raise Refused(Reason.FIELD_INVALID, field=f"{field}.marginal", **words, remedy=remedy)
        found["marginal"] = list(options.marginal)
    return found


def _coverage_from(coverage: float, field: str) -> float:
    if coverage != 0 and not COVERAGES[0] <= coverage <= COVERAGES[1]:  # NaN too
        words = {"problem": f"needs 0, or {COVERAGES[0]} to {COVERAGES[1]}", "found": coverage}
        raise Refused(Reason.FIELD_INVALID, field=field, **words, remedy="Send 0 for no sets, or a share such as 0.9.")
    return coverage


def _targets_from(targets: Sequence[str], field: str) -> tuple[str, ...]:
    _check_count(targets, TARGET_LIMIT, field)
    found = tuple(dataset_named(name, f"{field}[{number}]") for number, name in enumerate(targets))
    twice = _twice(found)
    if twice:
        words = {"problem": "names a dataset twice", "found": twice, "remedy": "Send each dataset once."}
        raise Refused(Reason.FIELD_INVALID, field=field, **words)
    return found


def _twice(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _check_count(given: Sequence[Any], limit: int, field: str) -> None:
    if len(given) > limit:
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=len(given), limit=limit)
