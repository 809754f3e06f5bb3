"""What is made for devices: exports, nets that fit one, and graphs from elsewhere."""

import math
from collections.abc import Sequence
from typing import Any

from service.convert.common import SEED_LIMIT, dataset_named, need, text, unknown_number, version_named, whole
from service.convert.spec import task_from, task_to
from service.domain import ExportSpec, FitCandidate, FitSpec, Fitting, ImportSpec
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec, check_name
from slipway.v1 import jobs_pb2

CORES = ("cortex-m3", "cortex-m4f", "cortex-m7f")  # export.mcu.boards.BOARDS, which only workers may import
PROFILES = (*CORES, "gateway")  # likewise export.fit.profile.PROFILES
OPERATOR_LIMIT = 64
CANDIDATE_LIMIT = 64
ROUND_LIMIT = 8
STEP_LIMIT = 100_000
BYTES_LIMIT = 1 << 40
# By field of the message: that of export.fit.profile.Profile.
LIMITS = {
    "flash_bytes": "flash_bytes",
    "ram_bytes": "ram_bytes",
    "instructions_per_second": "instructions_per_s",
    "latency_seconds": "latency_s",
}
LAYOUTS = {
    jobs_pb2.ImportSpec.LAYOUT_UNSPECIFIED: "",
    jobs_pb2.ImportSpec.TIME_CHANNELS: "time_channels",
    jobs_pb2.ImportSpec.CHANNELS_TIME: "channels_time",
}
LAYOUT_NUMBERS = {word: number for number, word in LAYOUTS.items()}


def export_from(spec: jobs_pb2.ExportSpec) -> ExportSpec:
    """Which version to export, and how.

    Raises:
        Refused: with the field that is missing or wrong.
    """
    return ExportSpec(
        version=version_named(spec.version, "job.export.version"),
        calibration=dataset_named(spec.calibration, "job.export.calibration"),
        fine_tune=spec.fine_tune,
        cores=tuple(dict.fromkeys(_core(name, "job.export.cores") for name in spec.cores)),
        independent=spec.independent,
        integer_arithmetic=spec.code.integer_arithmetic,
        simd=spec.code.simd,
    )


def export_to(spec: ExportSpec) -> jobs_pb2.ExportSpec:
    """Write what to export."""
    message = jobs_pb2.ExportSpec(
        version=spec.version,
        calibration=spec.calibration,
        fine_tune=spec.fine_tune,
        cores=spec.cores,
        independent=spec.independent,
    )
    if spec.integer_arithmetic or spec.simd:
        message.code.CopyFrom(jobs_pb2.CodeOptions(integer_arithmetic=spec.integer_arithmetic, simd=spec.simd))
    return message


def fit_from(spec: jobs_pb2.FitSpec) -> FitSpec:
    """For which device to search, and what to learn from.

    Raises:
        Refused: with the field that is missing or wrong.
    """
    need(spec, "profile", "job.fit.profile")
    return FitSpec(
        model_id=check_name(spec.model_id, "job.fit.model_id"),
        base=version_named(spec.base, "job.fit.base"),
        dataset=dataset_named(spec.dataset, "job.fit.dataset"),
        profile=_profile_from(spec.profile),
        calibration=dataset_named(spec.calibration, "job.fit.calibration") if spec.calibration else "",
        seed=whole(spec.seed, "job.fit.seed", SEED_LIMIT),
        effort=_effort_from(spec.effort),
    )


def fit_to(spec: FitSpec) -> jobs_pb2.FitSpec:
    """Write for which device to search."""
    profile = jobs_pb2.DeviceProfile(
        name=spec.profile["name"],
        operators=spec.profile.get("operators") or (),
        core=spec.profile.get("core") or "",
        **{field: spec.profile.get(key) or 0 for field, key in LIMITS.items()},
    )
    effort = jobs_pb2.FitEffort(
        candidate_count=spec.effort.get("candidates"), round_step_counts=spec.effort.get("steps", ())
    )
    return jobs_pb2.FitSpec(
        model_id=spec.model_id,
        base=spec.base,
        dataset=spec.dataset,
        profile=profile,
        calibration=spec.calibration,
        seed=spec.seed,
        effort=effort if spec.effort else None,
    )


def import_from(spec: jobs_pb2.ImportSpec, field: str) -> ImportSpec:
    """What to make of a graph from elsewhere.

    Raises:
        Refused: with the field, below ``field``, that is missing or wrong.
    """
    if spec.layout not in LAYOUTS:
        raise unknown_number(f"{field}.layout", spec.layout, jobs_pb2.ImportSpec.Layout.keys())
    need(spec, "task", f"{field}.task")
    task = task_from(spec.task, field)
    return ImportSpec(check_name(spec.model_id, f"{field}.model_id"), task.to_json(), LAYOUTS[spec.layout])


def import_to(spec: ImportSpec) -> jobs_pb2.ImportSpec:
    """Write what to make of a graph from elsewhere."""
    task = task_to(TaskSpec.from_json(spec.task))
    return jobs_pb2.ImportSpec(model_id=spec.model_id, task=task, layout=LAYOUT_NUMBERS[spec.layout])


def fitting_to(found: Fitting) -> jobs_pb2.Fitting:
    """Write what was found for a device."""
    rows = [_candidate_to(row) for row in found.candidates]
    return jobs_pb2.Fitting(**{**vars(found), "candidates": rows})


def _candidate_to(row: FitCandidate) -> jobs_pb2.FitCandidate:
    return jobs_pb2.FitCandidate(**vars(row))


def _profile_from(message: jobs_pb2.DeviceProfile) -> dict[str, Any]:
    """Only what is set: the rest is the ready-made profile's."""
    field = "job.fit.profile"
    found: dict[str, Any] = {"name": text(message.name, f"{field}.name", required=True)}
    if message.name not in PROFILES and not any(getattr(message, name) for name in LIMITS):
        words = {"problem": "is no ready-made device, and nothing is said of it", "found": repr(message.name)}
        remedy = f"Use one of {', '.join(PROFILES)}, or say what the device has."
        raise Refused(Reason.FIELD_INVALID, field=f"{field}.name", **words, remedy=remedy)
    for name, key in LIMITS.items():
        number = getattr(message, name)
        if not (math.isfinite(number) and 0 <= number <= BYTES_LIMIT):
            words = {"problem": "needs a number over 0", "found": number, "remedy": "Say what the device has."}
            raise Refused(Reason.FIELD_INVALID, field=f"{field}.{name}", **words)
        if number:
            found[key] = number
        elif message.name not in PROFILES and key != "latency_s":
            raise Refused(Reason.FIELD_REQUIRED, field=f"{field}.{name}")
    if message.core:
        found["core"] = _core(message.core, f"{field}.core")
    if len(message.operators) > OPERATOR_LIMIT:
        limits = {"found": len(message.operators), "limit": OPERATOR_LIMIT}
        raise Refused(Reason.LIMIT_EXCEEDED, field=f"{field}.operators", **limits)
    if message.operators:
        found["operators"] = [text(name, f"{field}.operators", required=True) for name in message.operators]
    return found


def _effort_from(message: jobs_pb2.FitEffort) -> dict[str, Any]:
    field, found = "job.fit.effort", {}
    if message.HasField("candidate_count"):
        found["candidates"] = _positive(message.candidate_count, f"{field}.candidate_count", CANDIDATE_LIMIT)
    if message.round_step_counts:
        found["steps"] = _steps(message.round_step_counts, f"{field}.round_step_counts")
    return found


def _steps(counts: Sequence[int], field: str) -> Any:
    if len(counts) > ROUND_LIMIT:
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=len(counts), limit=ROUND_LIMIT)
    return [_positive(count, field, STEP_LIMIT) for count in counts]


def _positive(value: int, field: str, limit: int) -> int:
    if not 1 <= value <= limit:
        words = {"problem": f"needs 1 to {limit}", "found": value, "remedy": "Send a number in this range."}
        raise Refused(Reason.FIELD_INVALID, field=field, **words)
    return value


def _core(name: str, field: str) -> str:
    if name not in CORES:
        words = {"problem": "is not known", "found": repr(name[:40]), "remedy": f"Use one of {', '.join(CORES)}."}
        raise Refused(Reason.FIELD_INVALID, field=field, **words)
    return name
