"""Jobs: what is asked for, and how it went."""

from typing import Any

from service.catalogue.records import Job, JobArtifact
from service.convert import adaptation, devices, identification
from service.convert.common import (
    SEED_LIMIT,
    dataset_named,
    refusal,
    text,
    timestamp,
    unknown_number,
    version_named,
    whole,
)
from service.domain import (
    AdaptSpec,
    EvaluateSpec,
    Evaluation,
    ExportSpec,
    FitSpec,
    IdentifySpec,
    ImportSpec,
    JobSpec,
    PretrainSpec,
    Progress,
)
from service.errors import to_status
from slipway.errors import Reason, Refused
from slipway.spec import check_name
from slipway.v1 import jobs_pb2, spec_pb2

EPOCH_LIMIT = 100_000
SIMULATED_WINDOW_LIMIT = 100_000_000

_FORMS = {
    jobs_pb2.EvaluateSpec.FORM_UNSPECIFIED: "learned",
    jobs_pb2.EvaluateSpec.LEARNED: "learned",
    jobs_pb2.EvaluateSpec.FLOAT_ONNX: "float_onnx",
    jobs_pb2.EvaluateSpec.INT8_ONNX: "int8_onnx",
}
_FORM_NUMBERS = {word: number for number, word in _FORMS.items()}


def spec_from(job: jobs_pb2.Job) -> JobSpec:
    """What a job shall do. That the names in it exist is for the catalogue to say.

    Raises:
        Refused: with the field that is missing or wrong.
    """
    match job.WhichOneof("spec"):
        case "pretrain":
            return _pretrain_from(job.pretrain)
        case "adapt":
            return adaptation.spec_from(job.adapt)
        case "export":
            return devices.export_from(job.export)
        case "evaluate":
            return _evaluate_from(job.evaluate)
        case "identify":
            return identification.spec_from(job.identify)
        case "fit":
            return devices.fit_from(job.fit)
        case "import_model":
            words = {"problem": "comes with a file", "found": "a job without one"}
            remedy = "Send the file with Models.ImportModel, which creates this job."
            raise Refused(Reason.FIELD_INVALID, field="job.import_model", **words, remedy=remedy)
        case _:
            raise Refused(Reason.FIELD_REQUIRED, field="job.spec")


def job_to(job: Job) -> jobs_pb2.Job:
    """Write a job."""
    message = jobs_pb2.Job(
        name=f"jobs/{job.id}",
        state=job.state.value,
        attempt_count=job.attempt_count,
        create_time=timestamp(job.create_us),
        **_spec_to(job.spec),
    )
    if job.progress is not None:
        message.progress.CopyFrom(progress_to(job.progress))
    if job.failure is not None:
        message.error.CopyFrom(to_status(refusal(job.failure)))
    if job.result is not None:
        message.result.CopyFrom(_result_to(job))
    if job.start_us is not None:
        message.start_time.CopyFrom(timestamp(job.start_us))
    if job.end_us is not None:
        message.end_time.CopyFrom(timestamp(job.end_us))
    return message


def progress_to(progress: Progress) -> jobs_pb2.Progress:
    """Write a point of progress."""
    return jobs_pb2.Progress(**vars(progress))


def _pretrain_from(spec: jobs_pb2.PretrainSpec) -> PretrainSpec:
    source: dict[str, Any] = {}
    match spec.WhichOneof("source"):
        case "world":
            source["world"] = text(spec.world.world, "job.pretrain.world.world", required=True)
            count = whole(spec.world.window_count, "job.pretrain.world.window_count", SIMULATED_WINDOW_LIMIT)
            source |= {"window_count": count, **identification.source_from(spec.world)}
        case "dataset":
            source["dataset"] = dataset_named(spec.dataset, "job.pretrain.dataset")
        case _:
            raise Refused(Reason.FIELD_REQUIRED, field="job.pretrain.source")
    return PretrainSpec(
        model_id=check_name(spec.model_id, "job.pretrain.model_id"),
        architecture=text(spec.architecture, "job.pretrain.architecture"),
        epoch_count=whole(spec.epoch_count, "job.pretrain.epoch_count", EPOCH_LIMIT),
        seed=whole(spec.seed, "job.pretrain.seed", SEED_LIMIT),
        **source,
    )


def _evaluate_from(spec: jobs_pb2.EvaluateSpec) -> EvaluateSpec:
    version = version_named(spec.version, "job.evaluate.version")
    dataset = dataset_named(spec.dataset, "job.evaluate.dataset")
    if spec.form not in _FORMS:
        raise unknown_number("job.evaluate.form", spec.form, jobs_pb2.EvaluateSpec.Form.keys())
    return EvaluateSpec(version, dataset, _FORMS[spec.form])


def _spec_to(spec: JobSpec) -> dict[str, Any]:
    match spec:
        case PretrainSpec():
            common: dict[str, Any] = {
                "architecture": spec.architecture,
                "epoch_count": spec.epoch_count,
                "seed": spec.seed,
            }
            source: dict[str, Any] = {"dataset": spec.dataset} if spec.dataset else {"world": _world_to(spec)}
            return {"pretrain": jobs_pb2.PretrainSpec(model_id=spec.model_id, **source, **common)}
        case AdaptSpec():
            return {"adapt": adaptation.spec_to(spec)}
        case ExportSpec():
            return {"export": devices.export_to(spec)}
        case IdentifySpec():
            return {"identify": identification.spec_to(spec)}
        case FitSpec():
            return {"fit": devices.fit_to(spec)}
        case ImportSpec():
            return {"import_model": devices.import_to(spec)}
        case EvaluateSpec():
            form = _FORM_NUMBERS[spec.form]
            return {"evaluate": jobs_pb2.EvaluateSpec(version=spec.version, dataset=spec.dataset, form=form)}


def _world_to(spec: PretrainSpec) -> jobs_pb2.WorldSource:
    return jobs_pb2.WorldSource(
        world=spec.world,
        window_count=spec.window_count,
        prior=identification.struct(spec.prior),
        identification=spec.identification,
        curriculum=None if spec.curriculum is None else identification.curriculum_to(spec.curriculum),
    )


def _result_to(job: Job) -> jobs_pb2.JobResult:
    assert job.result is not None
    result = job.result
    message = jobs_pb2.JobResult(
        version=result.version,
        stage_seconds=result.stage_seconds,
        peak_memory_bytes=result.peak_memory_bytes,
        adapter_size_bytes=result.adapter_size_bytes,
        artifacts=[_artifact_to(each) for each in job.artifacts],
        explanation=result.explanation,
        devices=[adaptation.device_to(each) for each in result.devices],
    )
    if result.identification is not None:
        message.identification.CopyFrom(identification.result_to(result.identification))
    if result.fitting is not None:
        message.fitting.CopyFrom(devices.fitting_to(result.fitting))
    if result.decision is not None:
        message.decision.CopyFrom(adaptation.decision_to(result.decision))
    if result.evaluation is not None:
        message.evaluation.CopyFrom(_evaluation_to(result.evaluation))
    return message


def _evaluation_to(evaluation: Evaluation) -> jobs_pb2.Evaluation:
    flat = [count for row in evaluation.confusion for count in row]
    outputs = [jobs_pb2.OutputEvaluation(**vars(each)) for each in evaluation.outputs]
    return jobs_pb2.Evaluation(**{**vars(evaluation), "confusion": flat, "outputs": outputs})


def _artifact_to(artifact: JobArtifact) -> spec_pb2.Artifact:
    name = f"jobs/{artifact.job_id}/artifacts/{artifact.id}"
    return spec_pb2.Artifact(name=name, sha256=artifact.sha256, size_bytes=artifact.size_bytes)
